import { expect, test } from "vitest";
import type { Descriptor } from "../descriptor.ts";
import { digestOf } from "../digest.ts";
import { MediaType } from "../media-type.ts";
import { isImageManifest, isIndex, type Manifest, manifestContents } from "./manifest.ts";

const descriptor = (text: string): Descriptor => {
  const bytes = new TextEncoder().encode(text);
  return { mediaType: "application/octet-stream", digest: digestOf(bytes), size: bytes.length };
};
const [a, b, c] = [descriptor("a"), descriptor("b"), descriptor("c")];

const image: Manifest = { schemaVersion: 2, config: a, layers: [b, c], subject: c };
const index: Manifest = { schemaVersion: 2, manifests: [a, b], subject: c };
const artifact: Manifest = { mediaType: MediaType.ociArtifact, artifactType: "a/b", blobs: [c], subject: a };

test("each manifest is of one kind", () => {
  expect([image, index, artifact].map(isImageManifest)).toEqual([true, false, false]);
  expect([image, index, artifact].map(isIndex)).toEqual([false, true, false]);
});

test("contents are what must be there first: config and layers, members, blobs; a subject need not exist", () => {
  expect(manifestContents(image)).toEqual([a, b, c]);
  expect(manifestContents(index)).toEqual([a, b]);
  expect(manifestContents(artifact)).toEqual([c]);
  expect(manifestContents({ mediaType: MediaType.orasArtifact })).toEqual([]);
});
