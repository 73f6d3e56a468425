/**
 * Deletes the layers and the config of an image. The image cannot be pulled afterwards.
 *
 *   node samples/delete-blob.ts [repository]
 *
 * Needs CONTAINERREGISTRY_ENDPOINT, an identity that may pull and delete, and an image tagged "latest" in the repository
 * sample-oci-image or another one; upload-image.ts makes one.
 */
import { ContainerRegistryClient } from "@acrkit/client";
import { credential, endpoint } from "./connect.ts";

const [repository = "sample-oci-image"] = process.argv.slice(2);

const client = new ContainerRegistryClient(endpoint(), credential());

const image = await client.getManifest(repository, "latest");
if (image.kind !== "image") throw new Error(`${repository}:latest is not a single image, but an ${image.kind}`);

for (const layer of image.manifest.layers) {
  await client.deleteBlob(repository, layer.digest);
  console.log(`Deleted layer: ${layer.digest}`);
}
await client.deleteBlob(repository, image.manifest.config.digest);
console.log(`Deleted config: ${image.manifest.config.digest}`);
