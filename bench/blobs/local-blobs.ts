import { createHash, randomFillSync } from "node:crypto";
import { link, mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { digestOf, MediaType } from "@acrkit/oci";
import type { LocalBlob, LocalBlobs } from "../contenders/work.ts";

/** How many there are, and how large each is. */
export interface BlobsShape {
  readonly count: number;
  readonly sizeInBytes: number;
}

const TAG = "bench";

const BLOCK_BYTES = 1024 * 1024;

/**
 * Makes files of random bytes, and an OCI image layout with an image whose layers they are:
 *
 *     <folder>/files/blob-0, blob-1, …
 *     <folder>/layout/blobs/sha256/<hex>   the same files, as hard links
 *     <folder>/layout/index.json           the image, under a tag
 *
 * Writing them has brought them into the page cache, for everyone alike.
 *
 * @see OCI image-spec v1.1.1, image-layout.md
 */
export async function makeLocalBlobs(folder: string, { count, sizeInBytes }: BlobsShape): Promise<LocalBlobs> {
  const files = join(folder, "files");
  const layout = join(folder, "layout");
  const stored = join(layout, "blobs", "sha256");
  await mkdir(files, { recursive: true });
  await mkdir(stored, { recursive: true });
  const blobs: LocalBlob[] = [];
  for (let index = 0; index < count; index++) {
    const name = `blob-${index}`;
    const digest = await writeRandomFile(join(files, name), sizeInBytes);
    await link(join(files, name), join(stored, hexOf(digest)));
    blobs.push({ name, digest, sizeInBytes });
  }
  const { config, manifest } = imageOf(blobs);
  for (const content of [config, manifest]) await writeFile(join(stored, hexOf(digestOf(content))), content);
  await writeFile(join(layout, "oci-layout"), jsonBytes({ imageLayoutVersion: "1.0.0" }));
  const entry = {
    ...descriptorOf(MediaType.ociManifest, manifest),
    annotations: { "org.opencontainers.image.ref.name": TAG },
  };
  await writeFile(join(layout, "index.json"), jsonBytes({ schemaVersion: 2, manifests: [entry] }));
  return { folder: files, layout, tag: TAG, blobs };
}

/** The image of these blobs: what a registry has to have besides them, for it to be pulled. */
export function imageOf(blobs: readonly LocalBlob[]): { readonly config: Uint8Array; readonly manifest: Uint8Array } {
  const rootfs = { type: "layers", diff_ids: blobs.map(({ digest }) => digest) };
  const config = jsonBytes({ architecture: "amd64", os: "linux", config: {}, rootfs });
  const manifest = jsonBytes({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: descriptorOf(MediaType.ociConfig, config),
    layers: blobs.map(({ name, digest, sizeInBytes }) => ({
      // What is said to be compressed already, nobody compresses.
      mediaType: MediaType.ociLayerGzip,
      digest,
      size: sizeInBytes,
      // By this name `oras pull` writes it.
      annotations: { "org.opencontainers.image.title": name },
    })),
  });
  return { config, manifest };
}

async function writeRandomFile(path: string, sizeInBytes: number): Promise<string> {
  const file = await open(path, "wx");
  const hash = createHash("sha256");
  const block = Buffer.alloc(Math.min(BLOCK_BYTES, sizeInBytes));
  for (let left = sizeInBytes; left > 0; left -= block.byteLength) {
    const piece = randomFillSync(block).subarray(0, left);
    hash.update(piece);
    await file.write(piece);
  }
  await file.close();
  return `sha256:${hash.digest("hex")}`;
}

function descriptorOf(mediaType: string, bytes: Uint8Array) {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}

function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(":") + 1);
}

function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
