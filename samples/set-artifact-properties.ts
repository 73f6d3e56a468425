/**
 * Locks an image: it can be pulled, but neither overwritten nor deleted.
 *
 *   node samples/set-artifact-properties.ts [repository] [tag]
 *
 * Needs CONTAINERREGISTRY_ENDPOINT, an identity that may write the repository's metadata, and the image
 * library/hello-world:v1 or another one. To unlock, run the same with both set to true.
 */
import { ContainerRegistryClient } from "@acrkit/client";
import { credential, endpoint } from "./connect.ts";

const [repository = "library/hello-world", tag = "v1"] = process.argv.slice(2);

const client = new ContainerRegistryClient(endpoint(), credential());

const { digest, canRead, canWrite, canDelete } = await client.updateManifestProperties(repository, tag, {
  canWrite: false,
  canDelete: false,
});
console.log(`${repository}@${digest}: canRead ${canRead}, canWrite ${canWrite}, canDelete ${canDelete}`);
