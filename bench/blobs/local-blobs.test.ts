import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@acrkit/oci";
import { expect, onTestFinished, test } from "vitest";
import { makeLocalBlobs } from "./local-blobs.ts";

test("files and image have the same bytes, by the digests that are told", async () => {
  const folder = await mkdtemp(join(tmpdir(), "acrkit-blobs-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  // Not a multiple of a block.
  const sizeInBytes = 2 * 1024 * 1024 + 1;
  const source = await makeLocalBlobs(folder, { count: 2, sizeInBytes });
  const stored = join(source.layout, "blobs", "sha256");
  for (const { name, digest } of source.blobs) {
    const content = await readFile(join(source.folder, name));
    expect(content.byteLength).toBe(sizeInBytes);
    expect(digestOf(content)).toBe(digest);
    expect(digestOf(await readFile(join(stored, digest.slice("sha256:".length))))).toBe(digest);
  }
  const index = JSON.parse(await readFile(join(source.layout, "index.json"), "utf8"));
  const [image] = index.manifests;
  const manifest = JSON.parse(await readFile(join(stored, image.digest.slice("sha256:".length)), "utf8"));
  expect(manifest.layers.map((layer: { digest: string }) => layer.digest)).toEqual(
    source.blobs.map(({ digest }) => digest),
  );
  // Two blobs, their image's config and manifest.
  expect(await readdir(stored)).toHaveLength(4);
});
