import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import {
  type BlobContent,
  type ContainerRegistryClient,
  isDigestMismatchError,
  ResourceNotFoundError,
} from "@acrkit/client";
import { digestOf } from "@acrkit/oci";
import { afterAll, beforeAll, expect, it } from "vitest";
import { seededBytes, seededStream } from "../content/seeded.ts";

const MISSING = digestOf(new TextEncoder().encode("never pushed anywhere"));

/** @see OCI distribution-spec v1.1.1, "Pulling blobs", "Pushing blobs", "Deleting Blobs" */
export function defineBlobSuite(client: () => ContainerRegistryClient): void {
  const repository = "suite/blobs";
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "acrkit-blobs-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const bytes = seededBytes("blob-suite", 300_000);
  const digest = digestOf(bytes);
  const contents: Record<string, () => BlobContent | Promise<BlobContent>> = {
    "a Uint8Array": () => bytes,
    "an ArrayBuffer": () => bytes.slice().buffer as ArrayBuffer,
    "a Blob": () => new Blob([bytes as Uint8Array<ArrayBuffer>]),
    "a File": () => new File([bytes as Uint8Array<ArrayBuffer>], "layer.tar"),
    "a web stream": () => new Blob([bytes as Uint8Array<ArrayBuffer>]).stream(),
    "a Node stream": () => Readable.from([bytes.subarray(0, 1), bytes.subarray(1)]),
    "an async iterable": () => seededStream("blob-suite", bytes.byteLength, 7_777),
    "a function that opens a stream": () => () => seededStream("blob-suite", bytes.byteLength),
    "a file": async () => {
      const path = join(folder, "layer");
      await writeFile(path, bytes);
      return { path };
    },
  };
  for (const [kind, make] of Object.entries(contents)) {
    it(`uploads ${kind}`, async () => {
      const name = `${repository}/${kind.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`;
      expect(await client().uploadBlob(name, await make())).toEqual({ digest, sizeInBytes: bytes.byteLength });
      const download = await client().downloadBlob(name, digest);
      expect(download.sizeInBytes).toBe(bytes.byteLength);
      expect(Buffer.from(await download.bytes()).equals(bytes)).toBe(true);
    });
  }

  it("uploads text as UTF-8", async () => {
    const result = await client().uploadBlob(repository, "grüezi");
    expect(result).toEqual({ digest: digestOf(new TextEncoder().encode("grüezi")), sizeInBytes: 7 });
  });

  it("uploads nothing at all as the empty blob", async () => {
    const empty = await client().uploadBlob(repository, new Uint8Array());
    const streamed = await client().uploadBlob(repository, Readable.from([]));
    expect(empty).toEqual({ digest: digestOf(new Uint8Array()), sizeInBytes: 0 });
    expect(streamed).toEqual(empty);
    expect(await (await client().downloadBlob(repository, empty.digest)).bytes()).toHaveLength(0);
  });

  it.each([99_999, 100_000, 100_001])("uploads %i bytes in chunks of 50,000", async (length) => {
    const name = `${repository}/chunks`;
    const content = seededBytes(`chunks ${length}`, length);
    const result = await client().uploadBlob(name, Readable.from([content]), { chunkSizeInBytes: 50_000 });
    expect(result).toEqual({ digest: digestOf(content), sizeInBytes: length });
    expect(Buffer.from(await (await client().downloadBlob(name, result.digest)).bytes()).equals(content)).toBe(true);
  });

  it("sends nothing when the blob is there and its digest was given", async () => {
    await client().uploadBlob(repository, bytes);
    const unread = (async function* (): AsyncGenerator<Uint8Array> {
      yield await Promise.reject(new Error("the content was read"));
    })();
    expect(await client().uploadBlob(repository, unread, { digest })).toEqual({
      digest,
      sizeInBytes: bytes.byteLength,
    });
  });

  it("commits nothing when the content is not what its digest says", async () => {
    const other = digestOf(new TextEncoder().encode("other"));
    const failed = client().uploadBlob(repository, seededStream("not other", 1_000), { digest: other });
    await expect(failed).rejects.toSatisfy(isDigestMismatchError);
    expect(await client().blobExists(repository, other)).toBe(false);
    expect(await client().blobExists(repository, digestOf(seededBytes("not other", 1_000)))).toBe(false);
  });

  it("commits nothing when the content fails half-way", async () => {
    const name = `${repository}/half`;
    const half = (async function* () {
      yield seededBytes("half", 500_000);
      throw new Error("the disk is gone");
    })();
    await expect(client().uploadBlob(name, half)).rejects.toMatchObject({
      code: "CONTENT_READ_FAILED",
      message: expect.stringContaining("the disk is gone"),
    });
    expect(await client().blobExists(name, digestOf(seededBytes("half", 500_000)))).toBe(false);
  });

  it("tells what is there and what is not", async () => {
    await client().uploadBlob(repository, bytes);
    expect(await client().blobExists(repository, digest)).toBe(true);
    expect(await client().blobExists(repository, MISSING)).toBe(false);
  });

  it("downloads as a loop, a web stream and a file", async () => {
    await client().uploadBlob(repository, bytes);
    const parts: Uint8Array[] = [];
    for await (const part of await client().downloadBlob(repository, digest)) parts.push(part);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);

    const streamed = await new Response((await client().downloadBlob(repository, digest)).stream()).arrayBuffer();
    expect(Buffer.from(streamed).equals(bytes)).toBe(true);

    const path = join(folder, "downloaded");
    await (await client().downloadBlob(repository, digest)).toFile(path);
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect((await readdir(folder)).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  it("aborts in the middle of a download", async () => {
    const large = seededBytes("large", 8_000_000);
    await client().uploadBlob(repository, large);
    const abort = new AbortController();
    const download = await client().downloadBlob(repository, digestOf(large), { abortSignal: abort.signal });
    const reading = (async () => {
      for await (const part of download) if (part.byteLength > 0) abort.abort();
    })();
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
  });

  it("aborts in the middle of an upload and commits nothing", async () => {
    const name = `${repository}/aborted`;
    const abort = new AbortController();
    const content = (async function* () {
      yield seededBytes("aborted", 100_000);
      abort.abort();
      yield seededBytes("aborted too", 100_000);
    })();
    await expect(client().uploadBlob(name, content, { abortSignal: abort.signal })).rejects.toMatchObject({
      name: "AbortError",
    });
  });

  it("says that a blob to download is not there", async () => {
    await client().uploadBlob(repository, bytes);
    await expect(client().downloadBlob(repository, MISSING)).rejects.toThrow(ResourceNotFoundError);
  });

  it("deletes a blob, and again", async () => {
    const name = `${repository}/deleted`;
    const { digest: gone } = await client().uploadBlob(name, "to be deleted");
    await client().deleteBlob(name, gone);
    expect(await client().blobExists(name, gone)).toBe(false);
    await client().deleteBlob(name, gone);
  });

  it("mounts a blob of another repository, and says when it cannot", async () => {
    await client().uploadBlob(repository, bytes);
    const name = `${repository}/mounted`;
    expect(await client().mountBlob(name, digest, repository)).toBe(true);
    expect(await client().blobExists(name, digest)).toBe(true);
    expect(await client().mountBlob(name, MISSING, repository)).toBe(false);
  });
}
