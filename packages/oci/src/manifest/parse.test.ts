import { describe, expect, test } from "vitest";
import { Seeded } from "../../test/seeded.ts";
import { digestOf } from "../digest.ts";
import { isInvalidManifestError, isLimitError } from "../errors.ts";
import { MAX_MANIFEST_BYTES } from "../limits.ts";
import { MediaType } from "../media-type.ts";
import { parseManifest } from "./parse.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const json = (value: unknown) => utf8(JSON.stringify(value));

const config = { mediaType: MediaType.ociConfig, digest: digestOf(utf8("config")), size: 6 };
const layer = { mediaType: MediaType.ociLayerGzip, digest: digestOf(utf8("layer")), size: 5 };
const member = { mediaType: MediaType.ociManifest, digest: digestOf(utf8("member")), size: 6 };

const ociImage = { schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: [layer] };
const ociIndex = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [member] };
const dockerImage = { ...ociImage, mediaType: MediaType.dockerManifest };
const dockerList = { ...ociIndex, mediaType: MediaType.dockerManifestList };
const ociArtifact = { mediaType: MediaType.ociArtifact, artifactType: "application/vnd.example", blobs: [layer] };
const orasArtifact = { ...ociArtifact, mediaType: MediaType.orasArtifact };

describe("the kinds of manifest", () => {
  test.each([
    ["an OCI image", ociImage, "image"],
    ["an OCI index", ociIndex, "index"],
    ["a Docker image", dockerImage, "image"],
    ["a Docker list", dockerList, "index"],
    ["an OCI artifact", ociArtifact, "artifact"],
    ["an ORAS artifact", orasArtifact, "artifact"],
  ])("%s, told by its own media type or by the answer's", (_, manifest, kind) => {
    const { mediaType, ...anonymous } = manifest;
    expect(parseManifest(json(manifest))).toEqual({ kind, mediaType, manifest });
    expect(parseManifest(json(manifest), `${mediaType}; charset=utf-8`)).toEqual({ kind, mediaType, manifest });
    expect(parseManifest(json(anonymous), mediaType.toUpperCase())).toEqual({ kind, mediaType, manifest: anonymous });
  });

  test("the example of image-spec v1.1.1, manifest.md", () => {
    const { kind, manifest } = parseManifest(
      utf8(`{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.manifest.v1+json",
  "config": {
    "mediaType": "application/vnd.oci.image.config.v1+json",
    "digest": "sha256:b5b2b2c507a0944348e0303114d8d93aaaa081732b86451d9bce1f432a537bc7",
    "size": 7023
  },
  "layers": [
    {
      "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
      "digest": "sha256:9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0",
      "size": 32654
    }
  ],
  "subject": {
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "digest": "sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270",
    "size": 7682
  },
  "annotations": { "com.example.key1": "value1", "com.example.key2": "value2" }
}`),
    );
    expect(kind).toBe("image");
    expect(manifest).toMatchObject({ config: { size: 7023 }, subject: { size: 7682 } });
  });

  test("the example of image-spec v1.1.0-rc2, artifact.md", () => {
    const manifest = {
      mediaType: "application/vnd.oci.artifact.manifest.v1+json",
      artifactType: "application/vnd.example.sbom.v1",
      blobs: [
        {
          mediaType: "application/gzip",
          size: 123,
          digest: "sha256:87923725d74f4bfb94c9e86d64170f7521aad8221a5de834851470ca142da630",
        },
      ],
      subject: {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        size: 1234,
        digest: "sha256:cc06a2839488b8bd2a2b99dcdc03d5cfd818eed72ad08ef3cc197aac64c0d0a0",
      },
      annotations: { "org.opencontainers.artifact.created": "2022-01-01T14:42:55Z" },
    };
    expect(parseManifest(json(manifest))).toEqual({ kind: "artifact", mediaType: MediaType.ociArtifact, manifest });
  });

  test("without any media type, the shape tells an OCI image from an OCI index", () => {
    expect(parseManifest(json({ schemaVersion: 2, config, layers: [] })).mediaType).toBe(MediaType.ociManifest);
    expect(parseManifest(json({ schemaVersion: 2, manifests: [] })).mediaType).toBe(MediaType.ociIndex);
    refused(json({ schemaVersion: 2, config }), "neither layers nor manifests");
  });

  test("members nobody knows are kept", () => {
    const { manifest } = parseManifest(json({ ...ociImage, "com.example": { deep: [null] } }));
    expect(manifest).toMatchObject({ "com.example": { deep: [null] } });
  });

  test("an artifact needs neither blobs nor an artifact type", () => {
    expect(parseManifest(json({ mediaType: MediaType.ociArtifact })).kind).toBe("artifact");
  });
});

describe("optional members of null, as Go writes them, are absent", () => {
  test("of an image", () => {
    const loose = { ...config, annotations: null, urls: null, platform: null };
    const { manifest } = parseManifest(json({ ...ociImage, config: loose, subject: null, annotations: null }));
    expect(manifest).toEqual(ociImage);
    expect(Object.keys(manifest)).not.toContain("annotations");
  });

  test("of an index's members, and of an artifact", () => {
    const loose = { ...member, platform: null, annotations: null };
    expect(parseManifest(json({ ...ociIndex, manifests: [loose] })).manifest).toEqual(ociIndex);
    const { blobs: _, ...bare } = ociArtifact;
    expect(parseManifest(json({ ...bare, blobs: null })).manifest).toEqual(bare);
  });
});

describe("what is missing or wrong is named", () => {
  const without = (value: object, name: string) =>
    Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));

  test.each<[object, string]>([
    [without(ociImage, "schemaVersion"), "schemaVersion is missing"],
    [{ ...ociImage, schemaVersion: 1 }, "schemaVersion is not 2"],
    [{ ...ociImage, schemaVersion: "2" }, "schemaVersion is not 2"],
    [without(ociImage, "config"), "config is missing"],
    [without(ociImage, "layers"), "layers is missing"],
    [{ ...ociImage, layers: {} }, "layers is not a list"],
    [{ ...ociImage, config: null }, "config is not an object"],
    [{ ...ociImage, layers: [layer, { ...layer, size: -1 }] }, "layers[1].size"],
    [{ ...ociImage, layers: [{ ...layer, size: 0.5 }] }, "layers[0].size"],
    [{ ...ociImage, layers: [{ ...layer, size: 1e300 }] }, "layers[0].size"],
    [{ ...ociImage, config: { ...config, size: "6" } }, "config.size"],
    [{ ...ociImage, config: { ...config, digest: "sha256:abc" } }, "config.digest"],
    [{ ...ociImage, subject: "sha256:abc" }, "subject is not an object"],
    [{ ...ociImage, annotations: { a: 1 } }, "annotations is not a map of strings"],
    [{ ...ociImage, annotations: [] }, "annotations is not a map of strings"],
    [{ ...ociImage, artifactType: 1 }, "artifactType is not a string"],
    [{ ...ociImage, mediaType: 1 }, "mediaType is not a string"],
    [without(ociIndex, "manifests"), "manifests is missing"],
    [{ ...ociIndex, manifests: null }, "manifests is not a list"],
    [{ ...ociIndex, manifests: [null] }, "manifests[0] is not an object"],
    [{ ...ociIndex, manifests: [{ ...member, platform: "linux" }] }, "manifests[0].platform"],
    [{ ...dockerImage, schemaVersion: 1 }, "schemaVersion is not 2"],
    [{ ...ociArtifact, blobs: {} }, "blobs is not a list"],
    [{ ...ociArtifact, blobs: [{}] }, "blobs[0].mediaType is missing"],
    [{ schemaVersion: 2, mediaType: "application/json" }, "not among"],
    [{ schemaVersion: 1, mediaType: MediaType.dockerSchema1Signed }, "not among"],
    [{ ...ociImage, mediaType: "constructor" }, "not among"],
    [{ ...ociImage, mediaType: "" }, "not among"],
  ])("%.100j: %s", (value, reason) => refused(json(value), reason));

  test("the error carries the media type it was read as", () => {
    const failure = failureOf(json({ ...ociImage, layers: null }));
    expect(failure).toMatchObject({ code: "INVALID_MANIFEST", mediaType: MediaType.ociManifest });
  });
});

describe("a manifest that could be read in two ways (CVE-2021-41190)", () => {
  test.each([
    ["an image with manifests", { ...ociImage, manifests: [member] }],
    ["a Docker image with manifests", { ...dockerImage, manifests: [] }],
    ["an index with layers", { ...ociIndex, layers: [layer] }],
    ["a Docker list with layers", { ...dockerList, layers: [] }],
    ["an index with a config", { ...ociIndex, config }],
    ["an artifact with manifests", { ...ociArtifact, manifests: [member] }],
    ["an artifact with layers", { ...ociArtifact, layers: [layer] }],
    ["both, and no media type", { schemaVersion: 2, config, layers: [layer], manifests: [member] }],
  ])("%s", (_, value) => refused(json(value), "two ways"));

  test("one that names itself other than the answer does", () => {
    refused(json(ociImage), "names itself", MediaType.ociIndex);
    refused(json(ociImage), "names itself", MediaType.dockerManifest);
    refused(json(ociIndex), "names itself", "application/json");
  });

  test("one that does not name itself, sent as another kind", () => {
    refused(json({ schemaVersion: 2, manifests: [member] }), "two ways", MediaType.ociManifest);
    refused(json({ schemaVersion: 2, config, layers: [] }), "two ways", MediaType.ociIndex);
  });
});

describe("hostile bytes", () => {
  test("bytes that are not UTF-8", () => {
    refused(Uint8Array.from([...utf8('{"mediaType":"'), 0xff, 0xfe, ...utf8('"}')]), "not JSON");
    refused(Uint8Array.from([0xed, 0xa0, 0x80]), "not JSON");
  });

  test.each(["", " ", "{", '{"schemaVersion":2,}', "manifest unknown", "<html>", "NaN", "{'a':1}"])(
    "not JSON: %j",
    (text) => refused(utf8(text), "not JSON"),
  );

  test.each(["[]", "null", "2", '"text"', "true"])("JSON, but no object: %s", (text) => {
    refused(utf8(text), "not an object");
  });

  test("a __proto__ member neither adds members nor changes any object", () => {
    refused(utf8(`{"__proto__":${JSON.stringify(ociImage)}}`), "neither layers nor manifests");
    const text = JSON.stringify(ociImage).replace("{", '{"__proto__":{"polluted":true,"manifests":[]},');
    expect(parseManifest(utf8(text)).kind).toBe("image");
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test("nested a hundred thousand deep", () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    refused(utf8(deep), "not an object");
    expect(parseManifest(utf8(JSON.stringify(ociImage).replace("{", `{"x":${deep},`))).kind).toBe("image");
  });

  test("4 MiB is taken, a byte more is not even parsed", () => {
    const padded = (bytes: number) => utf8(JSON.stringify(ociImage).padEnd(bytes, " "));
    expect(parseManifest(padded(MAX_MANIFEST_BYTES)).kind).toBe("image");
    const failure = failureOf(padded(MAX_MANIFEST_BYTES + 1));
    expect(failure).toSatisfy(isLimitError);
    expect(failure).toMatchObject({ limit: 4_194_304, seen: 4_194_305 });
  });

  test("a megabyte as media type does not reach the message", () => {
    const failure = failureOf(json({ ...ociImage, mediaType: "x".repeat(1_000_000) }));
    expect((failure as Error).message.length).toBeLessThan(1000);
  });

  test("a manifest broken at any place is refused by name, never with another error", () => {
    const random = new Seeded();
    const whole = json({ ...ociImage, subject: member, annotations: { a: "b" } });
    for (let round = 0; round < 2000; round++) {
      const bytes = Uint8Array.from(whole);
      for (let change = 0; change <= random.below(3); change++) bytes[random.below(bytes.length)] = random.below(256);
      const end = random.below(10) === 0 ? random.below(bytes.length) : bytes.length;
      const failure = failureOf(bytes.subarray(0, end));
      expect(failure === undefined || isInvalidManifestError(failure), `seed ${random.seed}: ${failure}`).toBe(true);
    }
  });
});

function failureOf(content: Uint8Array, contentType?: string): unknown {
  try {
    parseManifest(content, contentType);
  } catch (error) {
    return error;
  }
  return undefined;
}

function refused(content: Uint8Array, reason: string, contentType?: string): void {
  const failure = failureOf(content, contentType);
  expect(failure).toSatisfy(isInvalidManifestError);
  expect((failure as Error).message).toContain(reason);
}

test("a descriptor without a size is one of size 0 to who asks for that, and only then", () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const config = { mediaType: "a/b", digest, sizeInBytes: 5 };
  const content = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, config, layers: [] }));
  expect(() => parseManifest(content)).toThrow("config.size is missing");
  expect(parseManifest(content, undefined, { allowMissingSize: true }).manifest).toMatchObject({ config: { size: 0 } });
  const wrong = new TextEncoder().encode(
    JSON.stringify({ schemaVersion: 2, config: { ...config, size: "5" }, layers: [] }),
  );
  expect(() => parseManifest(wrong, undefined, { allowMissingSize: true })).toThrow("config.size is not a number");
});
