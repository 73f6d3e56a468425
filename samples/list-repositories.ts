/**
 * Prints the name of every repository in the registry.
 *
 *   node samples/list-repositories.ts
 *
 * Needs CONTAINERREGISTRY_ENDPOINT, and an identity that may list the registry's repositories.
 */
import { ContainerRegistryClient } from "@acrkit/client";
import { credential, endpoint } from "./connect.ts";

const client = new ContainerRegistryClient(endpoint(), credential());

for await (const repository of client.listRepositoryNames()) {
  console.log(repository);
}
