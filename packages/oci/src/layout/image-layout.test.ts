import { expect, test } from "vitest";
import { parseDigest } from "../digest.ts";
import {
  formatLayoutIndex,
  formatLayoutMarker,
  layoutBlobPath,
  parseLayoutIndex,
  parseLayoutMarker,
} from "./image-layout.ts";
import { InvalidLayoutError, isInvalidLayoutError } from "./invalid-layout.ts";
import { refNameOf } from "./ref-name.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const json = (value: unknown) => utf8(JSON.stringify(value));
const failure = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

// image-layout.md, "index.json Example", image-spec v1.1.1.
const EXAMPLE = `{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.index.v1+json",
  "manifests": [
    {
      "mediaType": "application/vnd.oci.image.index.v1+json",
      "size": 7143,
      "digest": "sha256:0228f90e926ba6b96e4f39cf294b2586d38fbb5a1e385c05cd1ee40ea54fe7fd",
      "annotations": { "org.opencontainers.image.ref.name": "stable-release" }
    },
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "size": 7143,
      "digest": "sha256:e692418e4cbaf90ca69d05a66403747baa33ee08806650b51fab815ad7fc331f",
      "platform": { "architecture": "ppc64le", "os": "linux" },
      "annotations": { "org.opencontainers.image.ref.name": "v1.0" }
    },
    {
      "mediaType": "application/xml",
      "size": 7143,
      "digest": "sha256:b3d63d132d21c3ff4c35a061adf23cf43da8ae054247e32faa95494d904a007e",
      "annotations": { "org.freedesktop.specifications.metainfo.version": "1.0" }
    }
  ],
  "annotations": { "com.example.index.revision": "r124356" }
}`;

test("the example of the specification; an entry of an unknown media type is no error", () => {
  const entries = parseLayoutIndex(utf8(EXAMPLE));
  expect(entries.map(refNameOf)).toEqual(["stable-release", "v1.0", undefined]);
  expect(entries[2]?.mediaType).toBe("application/xml");
});

test("the marker", () => {
  // image-layout.md, "oci-layout Example".
  expect(JSON.parse(formatLayoutMarker())).toEqual({ imageLayoutVersion: "1.0.0" });
  parseLayoutMarker(utf8('{\n    "imageLayoutVersion": "1.0.0"\n}'));
});

test.each([
  ["{}", "imageLayoutVersion is missing"],
  ['{"imageLayoutVersion":"2.0.0"}', '"2.0.0" is not known'],
  ['{"imageLayoutVersion":1}', "1 is not known"],
  ["[]", "not an object"],
  ["", "not JSON"],
])("no marker: %j", (text, reason) => {
  const error = failure(() => parseLayoutMarker(utf8(text)));
  expect(error).toBeInstanceOf(InvalidLayoutError);
  expect(error).toMatchObject({ code: "INVALID_LAYOUT", file: "oci-layout" });
  expect(String(error)).toContain(reason);
});

test("an index reads back as it was written", () => {
  const entries = parseLayoutIndex(utf8(EXAMPLE));
  expect(parseLayoutIndex(utf8(formatLayoutIndex(entries)))).toEqual(entries);
});

test("an index of Go's making, with null for what is absent, and without a media type", () => {
  const digest = "sha256:e692418e4cbaf90ca69d05a66403747baa33ee08806650b51fab815ad7fc331f";
  const entry = { mediaType: "application/vnd.oci.image.manifest.v1+json", size: 1, digest, annotations: null };
  const entries = parseLayoutIndex(json({ schemaVersion: 2, manifests: [entry], annotations: null }));
  expect(entries.map(refNameOf)).toEqual([undefined]);
});

test.each<[object, string]>([
  [{ manifests: [] }, "schemaVersion"],
  [{ schemaVersion: 2 }, "manifests is not a list"],
  [{ schemaVersion: 2, manifests: null }, "manifests is not a list"],
  [{ schemaVersion: 2, manifests: [{ mediaType: "a/b", size: 1, digest: "sha256:../../x" }] }, "manifests[0].digest"],
  [{ schemaVersion: 2, manifests: [], layers: [] }, "members of an image"],
  [{ schemaVersion: 2, manifests: [], mediaType: "application/vnd.oci.image.manifest.v1+json" }, "its mediaType"],
])("no index: %j", (value, reason) => {
  const error = failure(() => parseLayoutIndex(json(value)));
  expect(isInvalidLayoutError(error) && error.file).toBe("index.json");
  expect(String(error)).toContain(reason);
});

test("a blob's path has the algorithm and the digits, and no way out", () => {
  // image-layout.md, "Blobs": blobs/<alg>/<encoded>.
  const hex = "afff3924849e458c5ef237db5f89539274d5e609db5db935ed3959c90f1f2d51";
  expect(layoutBlobPath(parseDigest(`sha256:${hex}`))).toBe(`blobs/sha256/${hex}`);
  for (const text of ["sha256:..", "../x:abc", "a/b:abc", "sha256:a/b", "..:x"]) {
    expect(() => layoutBlobPath(parseDigest(text))).toThrow("digest");
  }
});
