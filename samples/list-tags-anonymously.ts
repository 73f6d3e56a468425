/**
 * Prints the tags of an image, without logging in.
 *
 *   node samples/list-tags-anonymously.ts [repository] [tag]
 *
 * Needs CONTAINERREGISTRY_ANONREGISTRY_ENDPOINT, a registry with anonymous pull
 * (`az acr update --name myregistry --anonymous-pull-enabled`), and the image library/hello-world:latest or another one in it.
 */
import { ContainerRegistryClient } from "@acrkit/client";
import { endpoint } from "./connect.ts";

const [repository = "library/hello-world", tag = "latest"] = process.argv.slice(2);

// No credential: anonymous.
const client = new ContainerRegistryClient(endpoint("CONTAINERREGISTRY_ANONREGISTRY_ENDPOINT"));

const manifest = await client.getManifestProperties(repository, tag);
console.log(`Tags of ${manifest.repositoryName}@${manifest.digest}:`);
for (const name of manifest.tags) {
  console.log(name);
}
