import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BlobContent, ContainerRegistryClient } from "@acrkit/client";
import { type Digest, digestOf, MediaType } from "@acrkit/oci";
import { expect } from "vitest";
import { seededBytes } from "../content/seeded.ts";

/** What a job works on: a repository of its own, and a client that meets no faults to prepare and to look. */
export interface Ward {
  readonly repository: string;
  readonly calm: ContainerRegistryClient;
}

/** Something a client is asked to do while faults happen. */
export interface Job {
  /** What is there before. */
  prepare?(ward: Ward): Promise<unknown>;
  /** Does it, and expects that the result is exact. */
  run(client: ContainerRegistryClient, ward: Ward): Promise<void>;
  /** Expects, once everything is calm, that the registry has what it should. */
  check?(ward: Ward, succeeded: boolean): Promise<void>;
}

const BLOB = seededBytes("resilience", 300_000);
const BLOB_DIGEST = digestOf(BLOB);
const MANIFEST = JSON.stringify({
  schemaVersion: 2,
  mediaType: MediaType.ociManifest,
  config: { mediaType: MediaType.ociConfig, digest: BLOB_DIGEST, size: BLOB.byteLength },
  layers: [{ mediaType: MediaType.ociLayer, digest: BLOB_DIGEST, size: BLOB.byteLength }],
  annotations: { "org.example.text": "x".repeat(2_000) },
});
const MANIFEST_BYTES = new TextEncoder().encode(MANIFEST);
const MANIFEST_DIGEST = digestOf(MANIFEST_BYTES);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const TAGS = ["v1", "v2", "v3"];

const pushBlob = ({ calm, repository }: Ward) => calm.uploadBlob(repository, BLOB);

const pushImage = async (ward: Ward) => {
  await pushBlob(ward);
  for (const tag of TAGS) await ward.calm.setManifest(ward.repository, MANIFEST_BYTES, { tag });
};

/** A blob is there and whole, or not at all. */
async function checkBlob({ calm, repository }: Ward, succeeded: boolean, digest: Digest): Promise<void> {
  const exists = await calm.blobExists(repository, digest);
  if (succeeded) expect(exists).toBe(true);
  if (exists) expect(digestOf(await (await calm.downloadBlob(repository, digest)).bytes())).toBe(digest);
}

const upload = (content: () => BlobContent, chunkSizeInBytes?: number, bytes = BLOB): Job => ({
  async run(client, { repository }) {
    const options = chunkSizeInBytes === undefined ? {} : { chunkSizeInBytes };
    expect(await client.uploadBlob(repository, content(), options)).toEqual({
      digest: digestOf(bytes),
      sizeInBytes: bytes.byteLength,
    });
  },
  check: (ward, succeeded) => checkBlob(ward, succeeded, digestOf(bytes)),
});

const inPieces = (bytes = BLOB, pieceBytes = 50_000) =>
  async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  };

/** In one request. */
export const uploadBytes = upload(() => BLOB);

/** In four chunks, from a content that can be opened again. */
export const uploadChunks = upload(inPieces, 80_000);

/** The same from a stream that can be read once. */
export const uploadStream = upload(() => inPieces()(), 80_000);

/** Too large for one request: streamed. */
const LARGE = seededBytes("resilience, large", 6_000_000);
export const uploadLarge = upload(() => LARGE, undefined, LARGE);

/** A stream that can be read once, of which more has gone by than is kept. */
const LONG = seededBytes("resilience, long", 40_000_000);
export const uploadLongStream = upload(() => inPieces(LONG, 500_000)(), undefined, LONG);

export const downloadBytes: Job = {
  prepare: pushBlob,
  async run(client, { repository }) {
    expect(digestOf(await (await client.downloadBlob(repository, BLOB_DIGEST)).bytes())).toBe(BLOB_DIGEST);
  },
};

/** Whatever happens, the folder holds the whole file or nothing. */
export const downloadFile: Job = {
  prepare: pushBlob,
  async run(client, { repository }) {
    const folder = await mkdtemp(join(tmpdir(), "acrkit-resilience-"));
    try {
      await (await client.downloadBlob(repository, BLOB_DIGEST)).toFile(join(folder, "blob"));
      expect(digestOf(await readFile(join(folder, "blob")))).toBe(BLOB_DIGEST);
    } catch (error) {
      expect(await readdir(folder)).toEqual([]);
      throw error;
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

export const pushManifest: Job = {
  prepare: pushBlob,
  async run(client, { repository }) {
    const { digest } = await client.setManifest(repository, MANIFEST_BYTES, { tag: "v1" });
    expect(digest).toBe(MANIFEST_DIGEST);
  },
  async check({ calm, repository }, succeeded) {
    if (succeeded) expect(textOf((await calm.getManifest(repository, "v1")).content)).toBe(MANIFEST);
  },
};

export const pullManifest: Job = {
  prepare: pushImage,
  async run(client, { repository }) {
    const { digest, content } = await client.getManifest(repository, "v1");
    expect([digest, textOf(content)]).toEqual([MANIFEST_DIGEST, MANIFEST]);
  },
};

export const listTags: Job = {
  prepare: pushImage,
  async run(client, { repository }) {
    const names: string[] = [];
    for await (const page of client.listTagProperties(repository).byPage({ maxPageSize: 1 })) {
      names.push(...page.map(({ name }) => name));
    }
    expect(names).toEqual(TAGS);
  },
};

export const deleteTag: Job = {
  prepare: pushImage,
  run: (client, { repository }) => client.deleteTag(repository, "v2"),
  async check({ calm, repository }, succeeded) {
    const names: string[] = [];
    for await (const { name } of calm.listTagProperties(repository)) names.push(name);
    if (succeeded) expect(names).toEqual(["v1", "v3"]);
    expect(textOf((await calm.getManifest(repository, "v1")).content)).toBe(MANIFEST);
  },
};
