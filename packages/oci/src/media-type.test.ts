import { expect, test } from "vitest";
import { bareMediaType, MANIFEST_MEDIA_TYPES, MediaType, manifestKind } from "./media-type.ts";

// The names: OCI image-spec v1.1.1, media-types.md; distribution, "Image Manifest V 2, Schema 2", "Media Types".
test.each([
  ["application/vnd.oci.image.manifest.v1+json", "image"],
  ["application/vnd.docker.distribution.manifest.v2+json", "image"],
  ["application/vnd.oci.image.index.v1+json", "index"],
  ["application/vnd.docker.distribution.manifest.list.v2+json", "index"],
  ["application/vnd.oci.artifact.manifest.v1+json", "artifact"],
  ["application/vnd.cncf.oras.artifact.manifest.v1+json", "artifact"],
  ["application/vnd.docker.distribution.manifest.v1+prettyjws", undefined],
  ["application/vnd.oci.image.config.v1+json", undefined],
  ["application/json", undefined],
  ["constructor", undefined],
  ["__proto__", undefined],
  ["", undefined],
])("%s is %s", (mediaType, kind) => expect(manifestKind(mediaType)).toBe(kind));

test("a client accepts exactly what can be parsed, lists first so that no platform is chosen for it", () => {
  expect(MANIFEST_MEDIA_TYPES.every((mediaType) => manifestKind(mediaType) !== undefined)).toBe(true);
  expect(
    Object.values(MediaType)
      .filter((mediaType) => manifestKind(mediaType) !== undefined)
      .sort(),
  ).toEqual([...MANIFEST_MEDIA_TYPES].sort());
  expect(MANIFEST_MEDIA_TYPES[0]).toBe(MediaType.ociIndex);
});

// RFC 9110, 8.3.1: type and subtype are case-insensitive, parameters follow a semicolon.
test.each([
  ["application/json", "application/json"],
  ["application/json; charset=utf-8", "application/json"],
  ["Application/JSON;charset=UTF-8", "application/json"],
  [" text/plain ; x=y", "text/plain"],
  ["", ""],
])("%j without parameters is %j", (contentType, bare) => expect(bareMediaType(contentType)).toBe(bare));
