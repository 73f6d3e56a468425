import { describe, expect, test } from "vitest";
import { asDescriptor, type Descriptor, isForeign } from "./descriptor.ts";
import { InvalidManifestError } from "./errors.ts";

// OCI image-spec v1.1.1, descriptor.md, "Examples".
const EXAMPLE = {
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  size: 7682,
  digest: "sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270",
};

describe("what a descriptor may be", () => {
  test.each<[string, object]>([
    ["the spec's example", EXAMPLE],
    ["with urls", { ...EXAMPLE, urls: ["https://example.com/example-manifest"] }],
    ["with embedded data", { ...EXAMPLE, data: "e30=" }],
    ["with an artifact type", { ...EXAMPLE, artifactType: "application/vnd.example.sbom.v1" }],
    ["with annotations", { ...EXAMPLE, annotations: { "org.opencontainers.image.title": "a" } }],
    ["with annotations, urls and platform of null", { ...EXAMPLE, annotations: null, urls: null, platform: null }],
    ["with a platform", { ...EXAMPLE, platform: { architecture: "arm", os: "linux", variant: "v7" } }],
    ["with a platform that says little", { ...EXAMPLE, platform: { "os.features": ["win32k"] } }],
    ["of size 0", { ...EXAMPLE, size: 0 }],
    ["of the largest safe size", { ...EXAMPLE, size: Number.MAX_SAFE_INTEGER }],
    ["with members nobody knows", { ...EXAMPLE, "com.example": { deep: [1] } }],
    ["of an algorithm nobody knows", { ...EXAMPLE, digest: "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9" }],
  ])("%s", (_, value) => {
    const copy = structuredClone(value);
    expect(asDescriptor(value, "config")).toBe(value);
    expect(value).toEqual(copy);
  });
});

describe("what it may not be, and the error names the member", () => {
  const without = (name: string) => Object.fromEntries(Object.entries(EXAMPLE).filter(([member]) => member !== name));
  test.each<[unknown, string]>([
    [null, "layers[2] is not an object"],
    ["sha256:abc", "layers[2] is not an object"],
    [[EXAMPLE], "layers[2] is not an object"],
    [without("mediaType"), "layers[2].mediaType is missing"],
    [without("digest"), "layers[2].digest is missing"],
    [without("size"), "layers[2].size is missing"],
    [Object.create(EXAMPLE), "layers[2].mediaType is missing"],
    [{ ...EXAMPLE, mediaType: "" }, "layers[2].mediaType"],
    [{ ...EXAMPLE, mediaType: 1 }, "layers[2].mediaType"],
    [{ ...EXAMPLE, digest: "latest" }, "layers[2].digest"],
    [{ ...EXAMPLE, digest: null }, "layers[2].digest"],
    [{ ...EXAMPLE, size: -1 }, "layers[2].size"],
    [{ ...EXAMPLE, size: 1.5 }, "layers[2].size"],
    [{ ...EXAMPLE, size: 2 ** 53 }, "layers[2].size"],
    [{ ...EXAMPLE, size: Number.NaN }, "layers[2].size"],
    [{ ...EXAMPLE, size: "7682" }, "layers[2].size"],
    [{ ...EXAMPLE, urls: "https://example.com" }, "layers[2].urls"],
    [{ ...EXAMPLE, urls: [1] }, "layers[2].urls"],
    [{ ...EXAMPLE, data: 1 }, "layers[2].data"],
    [{ ...EXAMPLE, artifactType: {} }, "layers[2].artifactType"],
    [{ ...EXAMPLE, annotations: [] }, "layers[2].annotations"],
    [{ ...EXAMPLE, annotations: { a: 1 } }, "layers[2].annotations"],
    [{ ...EXAMPLE, platform: "linux/amd64" }, "layers[2].platform is not an object"],
    [{ ...EXAMPLE, platform: { os: 1 } }, "layers[2].platform.os is not a string"],
    [{ ...EXAMPLE, platform: { "os.features": "win32k" } }, "layers[2].platform.os.features"],
  ])("%j: %s", (value, message) => {
    expect(() => asDescriptor(value, "layers[2]")).toThrow(InvalidManifestError);
    expect(() => asDescriptor(value, "layers[2]")).toThrow(message);
  });
});

test("content with urls is to be fetched from elsewhere (image-spec v1.1.1, descriptor.md)", () => {
  const descriptor = { mediaType: "a/b", digest: `sha256:${"0".repeat(64)}`, size: 1 } as Descriptor;
  expect(isForeign({ ...descriptor, urls: ["https://example.com/layer"] })).toBe(true);
  expect([isForeign(descriptor), isForeign({ ...descriptor, urls: [] })]).toEqual([false, false]);
});
