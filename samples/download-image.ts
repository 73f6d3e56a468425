/**
 * Downloads an image: its manifest, its config, and each layer into a file of its own, all verified.
 *
 *   node samples/download-image.ts [repository] [folder]
 *
 * Needs CONTAINERREGISTRY_ENDPOINT, an identity that may pull, and an image tagged "latest" in the repository
 * sample-oci-image or another one; upload-image.ts makes one.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ContainerRegistryClient } from "@acrkit/client";
import { credential, endpoint } from "./connect.ts";

const [repository = "sample-oci-image", folder = repository] = process.argv.slice(2);

const client = new ContainerRegistryClient(endpoint(), credential());

const image = await client.getManifest(repository, "latest");
if (image.kind !== "image") throw new Error(`${repository}:latest is not a single image, but an ${image.kind}`);
console.log(`Got manifest: ${image.digest}`);

await mkdir(folder, { recursive: true });
// The exact bytes, which have this digest.
await writeFile(join(folder, "manifest.json"), image.content);

for (const layer of image.manifest.layers) {
  const path = join(folder, layer.digest.replace("sha256:", ""));
  const download = await client.downloadBlob(repository, layer.digest);
  // The name appears only when the content has proven to be the layer's: there is nothing to clean up after a failure.
  await download.toFile(path);
  console.log(`Got layer: ${path}`);
}

const path = join(folder, "config.json");
const download = await client.downloadBlob(repository, image.manifest.config.digest);
await download.toFile(path);
console.log(`Got config: ${path}`);
