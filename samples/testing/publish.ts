import type { ContainerRegistryClient } from "@acrkit/client";

/** What the tests beside this file test: publishes a text as an image of one layer, and gives the image's digest. */
export async function publish(
  client: ContainerRegistryClient,
  repository: string,
  tag: string,
  text: string,
): Promise<string> {
  const config = await client.uploadBlob(repository, "{}");
  const layer = await client.uploadBlob(repository, text);
  const { digest } = await client.setManifest(
    repository,
    {
      schemaVersion: 2,
      config: { mediaType: "application/vnd.oci.empty.v1+json", digest: config.digest, size: config.sizeInBytes },
      layers: [{ mediaType: "text/plain", digest: layer.digest, size: layer.sizeInBytes }],
    },
    { tag },
  );
  return digest;
}

/** And reads it back. */
export async function read(client: ContainerRegistryClient, repository: string, tag: string): Promise<string> {
  const image = await client.getManifest(repository, tag);
  if (image.kind !== "image") throw new Error(`${repository}:${tag} is no image`);
  const [layer] = image.manifest.layers;
  if (layer === undefined) throw new Error(`${repository}:${tag} has no layer`);
  const download = await client.downloadBlob(repository, layer.digest);
  return new TextDecoder().decode(await download.bytes());
}
