import type { ContainerRegistryClient } from "@acrkit/client";
import { type Descriptor, MediaType, type OciImageManifest } from "@acrkit/oci";
import { seededBytes } from "./seeded.ts";

export interface PushedImage {
  readonly digest: string;
  readonly manifest: OciImageManifest;
}

/** Pushes a small image whose layers, config and so digest follow from the seed. */
export async function pushImage(
  client: ContainerRegistryClient,
  repository: string,
  options: { readonly seed: string; readonly tag?: string; readonly layers?: number; readonly layerBytes?: number },
): Promise<PushedImage> {
  const { seed, tag, layers = 1, layerBytes = 1_000 } = options;
  const configText = JSON.stringify({
    architecture: "amd64",
    os: "linux",
    rootfs: { type: "layers", diff_ids: [] },
    seed,
  });
  const config = await pushBlob(client, repository, MediaType.ociConfig, new TextEncoder().encode(configText));
  const descriptors: Descriptor[] = [];
  for (let index = 0; index < layers; index++) {
    descriptors.push(
      await pushBlob(client, repository, MediaType.ociLayer, seededBytes(`${seed}/${index}`, layerBytes)),
    );
  }
  const manifest: OciImageManifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config,
    layers: descriptors,
  };
  const { digest } = await client.setManifest(repository, manifest, tag === undefined ? {} : { tag });
  return { digest, manifest };
}

async function pushBlob(
  client: ContainerRegistryClient,
  repository: string,
  mediaType: string,
  content: Uint8Array,
): Promise<Descriptor> {
  const { digest, sizeInBytes } = await client.uploadBlob(repository, content);
  return { mediaType, digest, size: sizeInBytes };
}
