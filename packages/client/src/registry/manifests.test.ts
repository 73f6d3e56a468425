import { Readable } from "node:stream";
import {
  DigestMismatchError,
  digestOf,
  InvalidInputError,
  InvalidManifestError,
  LimitError,
  type OciImageManifest,
} from "@acrkit/oci";
import { describe, expect, test } from "vitest";
import {
  RegistryError,
  ResourceLockedError,
  ResourceNotFoundError,
  TransportError,
  UnexpectedResponseError,
} from "../errors/registry-error.ts";
import { clientOf, failureOf } from "../testing/client.ts";
import { HELLO_DIGEST, OTHER_DIGEST } from "../testing/content.ts";
import { connectionError, inOrder, openRegistry, refusal, type ScriptedAnswer } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import type { ManifestInput, SetManifestOptions } from "./manifests.ts";

failOnUnhandled();

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";

const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest: HELLO_DIGEST, size: 5 };
const image: OciImageManifest = { schemaVersion: 2, config, layers: [] };
/** Indented, with a slash escaped: none of it may change (protocol 4.2). */
const TEXT = `{\n   "schemaVersion": 2,\n   "config": {"mediaType": "application\\/vnd.oci.image.config.v1+json", "digest": "${HELLO_DIGEST}", "size": 5},\n   "layers": []\n}`;
const BYTES = new TextEncoder().encode(TEXT);
const DIGEST = digestOf(BYTES);

describe("setManifest", () => {
  const created: ScriptedAnswer = { status: 201 };
  const set = (manifest: ManifestInput, options: SetManifestOptions = {}, ...answers: readonly ScriptedAnswer[]) => {
    const registry = openRegistry(inOrder(...(answers.length === 0 ? [created] : answers)));
    return { registry, result: clientOf(registry).setManifest("team/app", manifest, options) };
  };

  test("sends an object as compact JSON, by its digest", async () => {
    const { registry, result } = set(image);
    const digest = digestOf(new TextEncoder().encode(JSON.stringify(image)));
    expect(await result).toEqual({ digest });
    expect(registry.callLines).toEqual([`PUT /v2/team/app/manifests/${digest}`]);
    expect(registry.calls[0]?.headers["content-type"]).toBe(OCI_MANIFEST);
    expect(Buffer.from(registry.calls[0]?.body ?? []).toString()).toBe(JSON.stringify(image));
  });

  test.each([
    ["bytes", BYTES],
    ["a view of a part of a buffer", Buffer.from(` ${TEXT}`).subarray(1)],
    ["text", TEXT],
  ])("sends %s as they are", async (_, manifest) => {
    const { registry, result } = set(manifest);
    expect(await result).toEqual({ digest: DIGEST });
    expect(Buffer.from(registry.calls[0]?.body ?? []).toString()).toBe(TEXT);
  });

  test("names the manifest by a tag", async () => {
    const { registry, result } = set(TEXT, { tag: "v1" });
    expect(await result).toEqual({ digest: DIGEST });
    expect(registry.callLines).toEqual(["PUT /v2/team/app/manifests/v1"]);
  });

  test.each([
    ["given", TEXT, DOCKER_MANIFEST, DOCKER_MANIFEST],
    ["in the manifest", JSON.stringify({ ...image, mediaType: DOCKER_MANIFEST }), undefined, DOCKER_MANIFEST],
    ["told by its layers", TEXT, undefined, OCI_MANIFEST],
    ["told by its manifests", '{"schemaVersion":2,"manifests":[]}', undefined, OCI_INDEX],
    ["given and in the manifest", JSON.stringify({ ...image, mediaType: OCI_MANIFEST }), OCI_MANIFEST, OCI_MANIFEST],
  ])("sends it with the media type %s", async (_, manifest, mediaType, expected) => {
    const { registry, result } = set(manifest, mediaType === undefined ? {} : { mediaType });
    await result;
    expect(registry.calls[0]?.headers["content-type"]).toBe(expected);
  });

  test.each([
    ["is not JSON", "{", {}],
    ["is JSON, but no object", "[]", {}],
    ["is not UTF-8", new Uint8Array([0x7b, 0xff, 0x7d]), {}],
    ["cannot be told what it is", '{"schemaVersion":2}', {}],
    ["has another schema version", '{"schemaVersion":1,"layers":[]}', {}],
    [
      "has another media type than given",
      JSON.stringify({ ...image, mediaType: OCI_MANIFEST }),
      { mediaType: DOCKER_MANIFEST },
    ],
    ["has a media type that is no manifest's", TEXT, { mediaType: "application/json" }],
    ["lacks its config", '{"schemaVersion":2,"layers":[]}', {}],
    ["is an index and an image at once", JSON.stringify({ ...image, manifests: [] }), {}],
  ])("refuses what %s, and sends nothing", async (_, manifest, options) => {
    const { registry, result } = set(manifest, options);
    await failureOf(result, InvalidManifestError);
    expect(registry.seen).toEqual([]);
  });

  test.each([undefined, null, 5, []])("refuses %o, which is no manifest", async (manifest) => {
    const { registry, result } = set(manifest as never);
    await failureOf(result, InvalidInputError);
    expect(registry.seen).toEqual([]);
  });

  test("refuses what is larger than 4 MiB, and sends nothing", async () => {
    const { registry, result } = set(`${TEXT}${" ".repeat(4 * 1024 * 1024)}`);
    await failureOf(result, LimitError);
    expect(registry.seen).toEqual([]);
  });

  test("takes the digest that the registry confirms, and none", async () => {
    expect(await set(TEXT, {}, { status: 201, headers: { "docker-content-digest": DIGEST } }).result).toEqual({
      digest: DIGEST,
    });
    expect(await set(TEXT, {}, { status: 201 }).result).toEqual({ digest: DIGEST });
  });

  test.each([OTHER_DIGEST, "garbage"])("does not believe a registry that says it stored %s", async (stated) => {
    const error = await failureOf(
      set(TEXT, {}, { status: 201, headers: { "docker-content-digest": stated } }).result,
      DigestMismatchError,
    );
    expect(error).toMatchObject({ expected: DIGEST, actual: stated });
  });

  test("tells every blob that is missing", async () => {
    const missing = (digest: string) => ({
      code: "MANIFEST_BLOB_UNKNOWN",
      message: "blob unknown to registry",
      detail: digest,
    });
    const { result } = set(TEXT, {}, { status: 400, body: { errors: [missing(HELLO_DIGEST), missing(OTHER_DIGEST)] } });
    const error = await failureOf(result, RegistryError);
    expect(error.code).toBe("MANIFEST_BLOB_UNKNOWN");
    expect(error.errors.map(({ detail }) => detail)).toEqual([HELLO_DIGEST, OTHER_DIGEST]);
  });

  test("may be repeated when the connection fails", async () => {
    const registry = openRegistry(inOrder(connectionError(), created));
    await clientOf(registry).setManifest("team/app", TEXT, { tag: "v1" });
    expect(registry.calls.map(({ body }) => Buffer.from(body).toString())).toEqual([TEXT, TEXT]);
  });

  test("at a locked tag says so", async () => {
    const { result } = set(
      TEXT,
      { tag: "v1" },
      refusal(405, "REGISTRY_DISALLOWED_OPERATION", "The operation is disallowed"),
    );
    await failureOf(result, ResourceLockedError);
  });
});

describe("getManifest", () => {
  const stored = (headers: Record<string, string> = {}, body: Uint8Array | Readable = BYTES): ScriptedAnswer => ({
    status: 200,
    headers: { "content-type": OCI_MANIFEST, "docker-content-digest": DIGEST, ...headers },
    body,
  });
  const get = (reference: string, answer: ScriptedAnswer) => {
    const registry = openRegistry(inOrder(answer));
    return { registry, result: clientOf(registry).getManifest("team/app", reference) };
  };

  test.each(["v1", DIGEST])("gives the exact bytes and what they say, by %s", async (reference) => {
    const { registry, result } = get(reference, stored());
    expect(await result).toMatchObject({ kind: "image", mediaType: OCI_MANIFEST, digest: DIGEST, manifest: image });
    expect(Buffer.from((await result).content).equals(BYTES)).toBe(true);
    expect(registry.callLines).toEqual([`GET /v2/team/app/manifests/${reference}`]);
  });

  test("accepts every type that can be read", async () => {
    const { registry, result } = get("v1", stored());
    await result;
    expect(registry.calls[0]?.headers.accept?.split(", ").sort()).toEqual(
      [
        OCI_INDEX,
        OCI_MANIFEST,
        "application/vnd.docker.distribution.manifest.list.v2+json",
        DOCKER_MANIFEST,
        "application/vnd.oci.artifact.manifest.v1+json",
        "application/vnd.cncf.oras.artifact.manifest.v1+json",
      ].sort(),
    );
  });

  test.each([
    ["a parameter", `${OCI_MANIFEST}; charset=utf-8`],
    ["capitals", OCI_MANIFEST.toUpperCase()],
  ])("reads a Content-Type with %s", async (_, contentType) => {
    expect(await get("v1", stored({ "content-type": contentType })).result).toMatchObject({ mediaType: OCI_MANIFEST });
  });

  test("does without a digest header, and computes it", async () => {
    const { digest } = await get("v1", { status: 200, headers: { "content-type": OCI_MANIFEST }, body: BYTES }).result;
    expect(digest).toBe(DIGEST);
  });

  test("verifies by sha512 as well", async () => {
    const digest = digestOf(BYTES, "sha512");
    expect((await get(digest, stored({ "docker-content-digest": digest })).result).digest).toBe(digest);
    const wrong = digestOf(new TextEncoder().encode("other"), "sha512");
    await failureOf(get(wrong, stored({ "docker-content-digest": wrong })).result, DigestMismatchError);
  });

  test("refuses what is not what was asked for, whatever the header says", async () => {
    const error = await failureOf(
      get(OTHER_DIGEST, stored({ "docker-content-digest": OTHER_DIGEST })).result,
      DigestMismatchError,
    );
    expect(error).toMatchObject({ expected: OTHER_DIGEST, actual: DIGEST, bytesRead: BYTES.byteLength });
    await failureOf(get(OTHER_DIGEST, stored({ "docker-content-digest": DIGEST })).result, DigestMismatchError);
    await failureOf(get(OTHER_DIGEST, { status: 200, body: BYTES }).result, DigestMismatchError);
  });

  test("refuses what is not what the header says", async () => {
    await failureOf(get("v1", stored({ "docker-content-digest": OTHER_DIGEST })).result, DigestMismatchError);
    await failureOf(get(DIGEST, stored({ "docker-content-digest": OTHER_DIGEST })).result, DigestMismatchError);
  });

  test.each(["garbage", "sha256:", "sha256:123", "blake3:abc"])(
    "refuses %s as the digest: nothing could be checked by it",
    async (stated) => {
      await failureOf(get("v1", stored({ "docker-content-digest": stated })).result, UnexpectedResponseError);
    },
  );

  test("refuses what was cut off", async () => {
    await failureOf(get("v1", stored({}, BYTES.subarray(0, 50))).result, DigestMismatchError);
  });

  test("is tried again when the connection breaks in the middle, as often as any request", async () => {
    const { headers } = stored();
    const cut = () => {
      const body = Readable.from(
        (async function* () {
          yield BYTES.subarray(0, 50);
          throw connectionError("ECONNRESET", "aborted");
        })(),
      );
      return { status: 200, headers: headers ?? {}, body };
    };
    const mended = openRegistry((_, index) => (index === 0 ? cut() : stored()));
    expect((await clientOf(mended).getManifest("team/app", "v1")).digest).toBe(DIGEST);
    const broken = openRegistry(cut);
    await failureOf(clientOf(broken).getManifest("team/app", "v1"), TransportError);
    expect(broken.calls).toHaveLength(4);
  });

  test("stops reading at 4 MiB", async () => {
    let sent = 0;
    const body = Readable.from(
      (function* () {
        // As good as endless.
        while (sent < 64 * 1024 * 1024) {
          sent += 65_536;
          yield Buffer.alloc(65_536, " ");
        }
      })(),
    );
    await failureOf(get("v1", stored({}, body)).result, LimitError);
    expect(body.destroyed).toBe(true);
    expect(sent).toBeLessThan(6 * 1024 * 1024);
  });

  test("takes one of exactly 4 MiB", async () => {
    const bytes = Buffer.from(TEXT + " ".repeat(4 * 1024 * 1024 - BYTES.byteLength));
    const { content } = await get("v1", { status: 200, headers: { "content-type": OCI_MANIFEST }, body: bytes }).result;
    expect(content.byteLength).toBe(4 * 1024 * 1024);
  });

  test.each([
    ["of another type than the registry says", { "content-type": OCI_INDEX }, BYTES],
    ["of a type that nobody knows", { "content-type": "application/json" }, BYTES],
    ["of the old schema 1", { "content-type": "application/vnd.docker.distribution.manifest.v1+prettyjws" }, BYTES],
    ["that is HTML", { "content-type": "text/html" }, new TextEncoder().encode("<html></html>")],
    ["that is empty", {}, new Uint8Array()],
  ])("refuses an answer %s", async (_, headers, body) => {
    await failureOf(
      get("v1", stored({ "docker-content-digest": digestOf(body), ...headers }, body)).result,
      InvalidManifestError,
    );
  });

  test("of a tag that is not there tells what the registry says", async () => {
    const answer = refusal(404, "MANIFEST_UNKNOWN", 'manifest tagged by "v1" is not found', { detail: { Tag: "v1" } });
    const error = await failureOf(get("v1", answer).result, ResourceNotFoundError);
    expect(error).toMatchObject({ operation: "getManifest", repository: "team/app", code: "MANIFEST_UNKNOWN" });
    expect(error.message).toContain("getManifest of team/app:v1 at");
    expect(error.errors).toEqual([
      { code: "MANIFEST_UNKNOWN", message: 'manifest tagged by "v1" is not found', detail: { Tag: "v1" } },
    ]);
  });
});

describe("deleteManifest", () => {
  const gone = refusal(404, "MANIFEST_UNKNOWN", "manifest unknown");

  test("by digest takes one request", async () => {
    const registry = openRegistry(inOrder({ status: 202 }));
    await clientOf(registry).deleteManifest("team/app", DIGEST);
    expect(registry.callLines).toEqual([`DELETE /v2/team/app/manifests/${DIGEST}`]);
  });

  test("by tag asks for the digest first, since no registry deletes by tag", async () => {
    const registry = openRegistry(
      inOrder({ status: 200, headers: { "docker-content-digest": DIGEST }, body: BYTES }, { status: 202 }),
    );
    await clientOf(registry).deleteManifest("team/app", "v1");
    expect(registry.callLines).toEqual(["GET /v2/team/app/manifests/v1", `DELETE /v2/team/app/manifests/${DIGEST}`]);
  });

  test("by tag does not rest on a header alone", async () => {
    const registry = openRegistry(
      inOrder({ status: 200, headers: { "docker-content-digest": OTHER_DIGEST }, body: BYTES }),
    );
    const error = await failureOf(clientOf(registry).deleteManifest("team/app", "v1"), DigestMismatchError);
    expect(error.message).toContain("deleteManifest");
    expect(registry.calls).toHaveLength(1);
  });

  test("by tag deletes a manifest of a type that cannot be read", async () => {
    const body = Buffer.from("something new");
    const registry = openRegistry(
      inOrder({ status: 200, headers: { "content-type": "application/new" }, body }, { status: 202 }),
    );
    await clientOf(registry).deleteManifest("team/app", "v1");
    expect(registry.callLines[1]).toBe(`DELETE /v2/team/app/manifests/${digestOf(body)}`);
  });

  test("of what is not there succeeds", async () => {
    await clientOf(openRegistry(inOrder(gone))).deleteManifest("team/app", DIGEST);
    await clientOf(openRegistry(inOrder(gone))).deleteManifest("team/app", "v1");
  });

  test("of what cannot be found out fails", async () => {
    const html: ScriptedAnswer = { status: 404, body: "<html>Not Found</html>" };
    await failureOf(clientOf(openRegistry(inOrder(html))).deleteManifest("team/app", DIGEST), ResourceNotFoundError);
    await failureOf(clientOf(openRegistry(inOrder(html))).deleteManifest("team/app", "v1"), ResourceNotFoundError);
  });
});
