import { createCipheriv, createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { ContainerRegistryClient } from "@acrkit/client";
import { type Descriptor, digestEncoded, digestOf, MediaType, type OciIndex } from "@acrkit/oci";

/** An image in memory: its manifest's bytes, and everything the manifest refers to. */
export interface Image {
  readonly descriptor: Descriptor;
  readonly content: Uint8Array;
  readonly layers: readonly LocalBlob[];
  readonly blobs: readonly LocalBlob[];
}

/** Several images under one digest. */
export interface MultiPlatformImage {
  readonly descriptor: Descriptor;
  readonly content: Uint8Array;
  readonly members: readonly Image[];
}

export interface LocalBlob {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

export interface ImageOptions {
  readonly architecture?: string;
  /** Bytes of each layer before compression. The content is random, so it does not shrink. */
  readonly layerSizes?: readonly number[];
  readonly artifactType?: string;
  readonly subject?: Descriptor;
  /** File names under which `oras pull` writes the layers; the layers' numbers by default. */
  readonly titles?: readonly string[];
}

/** Makes an image whose digest follows from the seed. */
export function createImage(seed: string, options: ImageOptions = {}): Image {
  const { architecture = "amd64", layerSizes = [1_000], artifactType, subject, titles } = options;
  const layers = layerSizes.map((size, index) => ({
    ...blobOf(MediaType.ociLayerGzip, gzipSync(seededBytes(`${seed}/${index}`, size))),
    title: titles?.[index] ?? `layer-${index}.gz`,
  }));
  const config = blobOf(
    MediaType.ociConfig,
    jsonBytes({ architecture, os: "linux", config: {}, rootfs: { type: "layers", diff_ids: [] }, seed }),
  );
  const content = jsonBytes({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    ...(artifactType === undefined ? {} : { artifactType }),
    config: config.descriptor,
    layers: layers.map(({ descriptor, title }) => ({
      ...descriptor,
      annotations: { "org.opencontainers.image.title": title },
    })),
    ...(subject === undefined ? {} : { subject }),
  });
  const plainLayers = layers.map(({ descriptor, bytes }) => ({ descriptor, bytes }));
  return {
    descriptor: descriptorOf(MediaType.ociManifest, content),
    content,
    layers: plainLayers,
    blobs: [config, ...plainLayers],
  };
}

export function createMultiPlatformImage(seed: string): MultiPlatformImage {
  const members = ["amd64", "arm64"].map((architecture) => createImage(`${seed}/${architecture}`, { architecture }));
  const manifest: OciIndex = {
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: members.map(({ descriptor }, index) => ({
      ...descriptor,
      platform: { os: "linux", architecture: index === 0 ? "amd64" : "arm64" },
    })),
  };
  const content = jsonBytes(manifest);
  return { descriptor: descriptorOf(MediaType.ociIndex, content), content, members };
}

/** Pushes an image under its tags, or under its digest alone. */
export async function pushImage(
  client: ContainerRegistryClient,
  repository: string,
  image: Image,
  tags: readonly string[] = [],
): Promise<void> {
  for (const { bytes } of image.blobs) await client.uploadBlob(repository, bytes);
  await pushManifest(client, repository, image, tags);
}

export async function pushMultiPlatformImage(
  client: ContainerRegistryClient,
  repository: string,
  image: MultiPlatformImage,
  tags: readonly string[],
): Promise<void> {
  for (const member of image.members) await pushImage(client, repository, member);
  await pushManifest(client, repository, image, tags);
}

async function pushManifest(
  client: ContainerRegistryClient,
  repository: string,
  { content, descriptor }: { readonly content: Uint8Array; readonly descriptor: Descriptor },
  tags: readonly string[],
): Promise<void> {
  const { mediaType } = descriptor;
  if (tags.length === 0) await client.setManifest(repository, content, { mediaType });
  for (const tag of tags) await client.setManifest(repository, content, { mediaType, tag });
}

/**
 * Writes the image as an OCI layout folder, the form that tools push from.
 *
 * @see OCI image-spec v1.1.1, image-layout.md
 */
export async function writeLayout(folder: string, image: Image, tag: string): Promise<void> {
  await mkdir(join(folder, "blobs", "sha256"), { recursive: true });
  const manifest = { descriptor: image.descriptor, bytes: image.content };
  for (const { descriptor, bytes } of [...image.blobs, manifest]) {
    await writeFile(join(folder, "blobs", "sha256", digestEncoded(descriptor.digest)), bytes);
  }
  await writeFile(join(folder, "oci-layout"), jsonBytes({ imageLayoutVersion: "1.0.0" }));
  const entry = { ...image.descriptor, annotations: { "org.opencontainers.image.ref.name": tag } };
  await writeFile(join(folder, "index.json"), jsonBytes({ schemaVersion: 2, manifests: [entry] }));
}

function blobOf(mediaType: string, bytes: Uint8Array): LocalBlob {
  return { descriptor: descriptorOf(mediaType, bytes), bytes };
}

function descriptorOf(mediaType: string, bytes: Uint8Array): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}

function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Bytes that look random and are the same for the same seed: a key stream of AES-CTR. */
function seededBytes(seed: string, length: number): Uint8Array {
  const key = createHash("sha256").update(seed).digest();
  return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(length));
}
