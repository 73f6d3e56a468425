/**
 * Deletes a repository with everything in it.
 *
 *   node samples/delete-repository.ts <repository>
 *
 * Needs CONTAINERREGISTRY_ENDPOINT, and an identity that may delete the repository.
 */
import { ContainerRegistryClient } from "@acrkit/client";
import { credential, endpoint } from "./connect.ts";

const repository = process.argv[2];
if (repository === undefined) throw new Error("Name the repository: node samples/delete-repository.ts <repository>");

const client = new ContainerRegistryClient(endpoint(), credential());

const { deletedTags, deletedManifests } = await client.deleteRepository(repository);
console.log(`Deleted ${repository}: ${deletedTags.length} tags, ${deletedManifests.length} manifests`);
