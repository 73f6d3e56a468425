import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { digestOf, InvalidInputError } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ClientAuthenticationError, ContentReadError, RegistryError } from "../../errors/registry-error.ts";
import { acrRegistry } from "../../testing/acr-registry.ts";
import { clientOf, FakeEntraCredential, failureOf } from "../../testing/client.ts";
import { HELLO, HELLO_DIGEST, patterned } from "../../testing/content.ts";
import {
  isLogin,
  refusal,
  type ScriptedAnswer,
  type ScriptedRegistry,
  type SeenRequest,
} from "../../testing/scripted-registry.ts";
import { failOnUnhandled } from "../../testing/unhandled.ts";
import { type UploadRegistry, uploadRegistry } from "../../testing/upload-registry.ts";
import type { TransferProgress } from "../progress.ts";
import type { BlobContent } from "./content.ts";
import type { UploadBlobOptions } from "./upload.ts";

failOnUnhandled();

const MEBIBYTE = 1024 * 1024;
const upload = ({ registry }: UploadRegistry, content: BlobContent, options: UploadBlobOptions = {}) =>
  clientOf(registry).uploadBlob("app", content, options);
const methods = ({ registry }: UploadRegistry) => registry.calls.map(({ method }) => method);
const ranges = ({ registry }: UploadRegistry) =>
  registry.calls
    .filter(({ method }) => method === "PATCH" || method === "PUT")
    .map(({ headers, body }) => headers["content-range"] ?? body.byteLength);
const arrived = ({ committed }: UploadRegistry, content: Uint8Array) =>
  expect(Buffer.from(committed[0] ?? []).equals(content)).toBe(true);

let folder: string;
let path: string;
const large = patterned(6 * MEBIBYTE);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "acrkit-recovery-"));
  path = join(folder, "content");
  await writeFile(path, large);
});
afterAll(() => rm(folder, { recursive: true }));

describe("a registry that says how far an upload has come", () => {
  const KINDS: [string, () => BlobContent][] = [
    ["a file", () => ({ path })],
    ["bytes", () => large],
    ["a Blob", () => new Blob([large.slice()])],
    ["a function", () => () => Readable.from([large.subarray(0, 1_000), large.subarray(1_000)])],
    ["a stream", () => Readable.from([large.subarray(0, 1_000), large.subarray(1_000)])],
  ];

  test.each(KINDS)("gets only the rest of %s, twice cut in its stream", async (_, make) => {
    const to: UploadRegistry = uploadRegistry(
      (request, nth) =>
        request.method === "PATCH" && nth < 2 ? to.cutAfter(nth === 0 ? 1_234 : 777, request) : undefined,
      { reportsOffset: true },
    );
    expect(await upload(to, make())).toEqual({ digest: digestOf(large), sizeInBytes: large.byteLength });
    expect(methods(to)).toEqual(["POST", "PATCH", "GET", "PATCH", "GET", "PATCH", "PUT"]);
    arrived(to, large);
    const sizes = to.registry.calls.filter(({ method }) => method === "PATCH").map(({ body }) => body.byteLength);
    expect(sizes).toEqual([large.byteLength, large.byteLength - 1_234, large.byteLength - 1_234 - 777]);
  });

  test("is told where the rest of a stream belongs, so that a late arrival cannot be appended twice", async () => {
    const to: UploadRegistry = uploadRegistry(
      (request, nth) => (request.method === "PATCH" && nth === 0 ? to.cutAfter(1_234, request) : undefined),
      { reportsOffset: true },
    );
    await upload(to, { path });
    expect(ranges(to)).toEqual([large.byteLength, `1234-${large.byteLength - 1}`, 0]);
  });

  test("and took a chunk whose answer was lost does not get it again", async () => {
    const content = patterned(25);
    const to: UploadRegistry = uploadRegistry(
      (request, nth) => (request.method === "PATCH" && nth === 1 ? to.loseAnswer(request) : undefined),
      { reportsOffset: true },
    );
    await upload(to, Readable.from([content]), { chunkSizeInBytes: 10 });
    expect(ranges(to)).toEqual(["0-9", "10-19", "20-24"]);
    arrived(to, content);
  });

  test("and took a part of a chunk gets the rest of it", async () => {
    const content = patterned(35);
    const to: UploadRegistry = uploadRegistry(
      (request, nth) => (request.method === "PATCH" && nth === 1 ? to.cutAfter(4, request) : undefined),
      { reportsOffset: true },
    );
    await upload(to, Readable.from([content]), { chunkSizeInBytes: 10 });
    expect(ranges(to)).toEqual(["0-9", "10-19", "14-19", "20-29", "30-34"]);
    arrived(to, content);
  });

  test("and took a part of the committing request gets the rest of it", async () => {
    const to: UploadRegistry = uploadRegistry(
      (request, nth) => (request.method === "PUT" && nth === 0 ? to.cutAfter(3, request) : undefined),
      { reportsOffset: true },
    );
    await upload(to, Readable.from([HELLO]));
    expect(methods(to)).toEqual(["POST", "PUT", "HEAD", "GET", "PUT"]);
    expect(ranges(to)).toEqual([5, "3-4"]);
    arrived(to, HELLO);
  });

  test("goes on for as long as every connection brings something", async () => {
    const to: UploadRegistry = uploadRegistry(
      (request, nth) => (request.method === "PATCH" && nth < 20 ? to.cutAfter(1_000, request) : undefined),
      { reportsOffset: true },
    );
    await upload(to, { path });
    arrived(to, large);
  });

  test("and has a single byte is not believed: that looks like none", async () => {
    const to: UploadRegistry = uploadRegistry(
      (request, nth) => (request.method === "PATCH" && nth === 0 ? to.cutAfter(1, request) : undefined),
      { reportsOffset: true },
    );
    await upload(to, { path });
    expect(methods(to)).toEqual(["POST", "PATCH", "GET", "DELETE", "POST", "PATCH", "PUT"]);
    arrived(to, large);
  });

  test.each([
    ["more than was ever sent", { range: `0-${large.byteLength + 5}` }],
    ["nothing", {}],
    ["nonsense", { range: "bytes */5" }],
  ])("but says %s gets a new upload", async (_, headers) => {
    const to: UploadRegistry = uploadRegistry((request, nth) => {
      if (request.method === "PATCH" && nth === 0) return to.cutAfter(1_000, request);
      return request.method === "GET" ? { status: 204, headers } : undefined;
    });
    await upload(to, { path });
    expect(methods(to).slice(0, 3)).toEqual(["POST", "PATCH", "GET"]);
    expect(methods(to).filter((method) => method === "POST")).toHaveLength(2);
    arrived(to, large);
  });

  test("and then finds another digest, for a body that arrived late, gets a new upload", async () => {
    const to: UploadRegistry = uploadRegistry(
      (request, nth) => {
        if (request.method === "PATCH" && nth === 0) return to.cutAfter(1_000, request);
        if (request.method === "PUT" && nth === 0) return refusal(400, "DIGEST_INVALID", "not what was sent");
        return undefined;
      },
      { reportsOffset: true },
    );
    await upload(to, { path });
    expect(methods(to)).toEqual(["POST", "PATCH", "GET", "PATCH", "PUT", "DELETE", "POST", "PATCH", "PUT"]);
  });

  test("a file that changed in between is an error, and nothing is committed", async () => {
    const changing = join(folder, "changing");
    await writeFile(changing, large);
    const to: UploadRegistry = uploadRegistry(
      (request, nth) => {
        if (request.method !== "PATCH" || nth > 0) return undefined;
        return utimes(changing, 1, 1).then(() => to.cutAfter(1_000, request));
      },
      { reportsOffset: true },
    );
    const error = await failureOf(upload(to, { path: changing }), ContentReadError);
    expect(error.message).toContain("changed since the upload began");
    expect(to.committed).toEqual([]);
    expect(to.sessions.size).toBe(0);
  });
});

describe("the lost answer to a commit", () => {
  test.each([
    ["bytes", () => HELLO],
    ["a stream", () => Readable.from([HELLO])],
  ] as [string, () => BlobContent][])("is made up for by looking for the blob: %s", async (_, make) => {
    const events: TransferProgress[] = [];
    const to: UploadRegistry = uploadRegistry((request) =>
      request.method === "PUT" ? to.loseAnswer(request) : undefined,
    );
    expect(await upload(to, make(), { onProgress: (event) => void events.push(event) })).toEqual({
      digest: HELLO_DIGEST,
      sizeInBytes: 5,
    });
    expect(methods(to)).toEqual(["POST", "PUT", "HEAD", "DELETE"]);
    expect(events.map(({ kind }) => kind)).toEqual(["started", "verified"]);
  });

  test("is not taken for a success when the blob has another size", async () => {
    const to: UploadRegistry = uploadRegistry((request, nth) => {
      if (request.method === "PUT" && nth === 0) return to.loseAnswer(request);
      return request.method === "HEAD" ? { status: 200, headers: { "content-length": "4" } } : undefined;
    });
    await upload(to, HELLO);
    expect(methods(to)).toEqual(["POST", "PUT", "HEAD", "GET", "DELETE", "POST", "PUT"]);
  });
});

describe("a registry that finds a body too large", () => {
  const limited = (most: number) => (request: SeenRequest) =>
    request.body.byteLength > most ? ({ status: 413, body: "<html>too large</html>" } as ScriptedAnswer) : undefined;

  test("gets chunks, smaller and smaller, from where it stands; the next upload begins with what works", async () => {
    const content = patterned(20 * MEBIBYTE + 5);
    const to = uploadRegistry(limited(5 * MEBIBYTE));
    const client = clientOf(to.registry);
    await client.uploadBlob("app", Readable.from([content]));
    const sizes = to.registry.calls.map(({ method, body }) => `${method} ${Math.floor(body.byteLength / MEBIBYTE)}`);
    expect(sizes).toEqual([
      ...["POST 0", "PATCH 20", "GET 0", "PATCH 16", "GET 0", "PATCH 8", "GET 0"],
      ...[...Array(5).fill("PATCH 4"), "PUT 0"],
    ]);
    arrived(to, content);

    const before = to.registry.calls.length;
    await client.uploadBlob("app", Readable.from([content]));
    expect(to.registry.calls.slice(before).map(({ method }) => method)).toEqual([
      "POST",
      ...Array(5).fill("PATCH"),
      "PUT",
    ]);
  });

  test("also for what would fit into one request", async () => {
    const content = patterned(3 * MEBIBYTE);
    const to = uploadRegistry(limited(MEBIBYTE));
    await upload(to, content);
    expect(methods(to)).toEqual(["POST", "PUT", "GET", "PATCH", "PATCH", "PUT"]);
    arrived(to, content);
  });

  test("however small it is, is the error", async () => {
    const to = uploadRegistry(limited(1_000));
    const error = await failureOf(upload(to, Readable.from([large])), RegistryError);
    expect(error.statusCode).toBe(413);
    expect(to.sessions.size).toBe(0);
  });

  test("by cutting the connection gets chunks, which only this upload has learnt", async () => {
    const content = patterned(20 * MEBIBYTE);
    const to: UploadRegistry = uploadRegistry((request, nth) =>
      request.method === "PATCH" && nth === 0 ? to.cutAfter(2_000, request) : undefined,
    );
    const client = clientOf(to.registry);
    await client.uploadBlob("app", () => Readable.from([content]));
    expect(ranges(to)).toEqual([content.byteLength, "0-16777215", `16777216-${content.byteLength - 1}`]);
    await client.uploadBlob("app", () => Readable.from([content]));
    expect(ranges(to).slice(3)).toEqual([content.byteLength, 0]);
  });
});

describe("a token that is refused in the middle", () => {
  const FAKE = new FakeEntraCredential();

  /** Lets everybody in, but revokes every token it has given when a request of `method` comes for the first time. */
  function revokingAt(method: string, { forever = false } = {}) {
    const to = uploadRegistry(undefined, { reportsOffset: true });
    const revoked = new Set<string>();
    const lines: string[] = [];
    let isDue = true;
    const registry: ScriptedRegistry = acrRegistry(
      async ({ request, body }) => {
        lines.push(request.method);
        const { status, headers } = await to.registry.sendRequest({ ...request, body });
        return { status, headers: headers.toJSON() };
      },
      {
        isRevoked(token) {
          const { request } = registry.seen.at(-1) as SeenRequest;
          if ((isDue || forever) && request.method === method && !isLogin({ url: new URL(request.url) })) {
            isDue = false;
            revoked.add(token);
          }
          return revoked.has(token);
        },
      },
    );
    return { to, registry, lines };
  }

  test.each([
    [
      "of a stream: another one is fetched while the registry is asked for the offset",
      {},
      ["POST", "GET", "PATCH", "PUT"],
    ],
    ["of a chunk: it is sent again", { chunkSizeInBytes: 5 * MEBIBYTE }, ["POST", "PATCH", "PUT"]],
  ] as [string, UploadBlobOptions, string[]][])("%s", async (_, options, expected) => {
    const { to, registry, lines } = revokingAt("PATCH");
    await clientOf(registry, { credential: FAKE }).uploadBlob("app", Readable.from([large]), options);
    // What was refused did not get through.
    expect(lines).toEqual(expected);
    arrived(to, large);
  });

  test("of the commit: it is sent again", async () => {
    const { to, registry, lines } = revokingAt("PUT");
    await clientOf(registry, { credential: FAKE }).uploadBlob("app", HELLO);
    expect(lines).toEqual(["POST", "PUT"]);
    arrived(to, HELLO);
  });

  test("and its successor as well ends the upload, with the session cancelled", async () => {
    const { to, registry } = revokingAt("PATCH", { forever: true });
    const client = clientOf(registry, { credential: FAKE });
    await failureOf(client.uploadBlob("app", Readable.from([large])), ClientAuthenticationError);
    expect(to.sessions.size).toBe(0);
    expect(to.committed).toEqual([]);
  });
});

describe("a mount", () => {
  const options = { digest: HELLO_DIGEST, mountFrom: "base" };
  const kinds = () => {
    const events: TransferProgress[] = [];
    return { events, onProgress: (event: TransferProgress) => void events.push(event) };
  };

  test("that works sends nothing", async () => {
    const { events, onProgress } = kinds();
    const to = uploadRegistry(({ method }) => (method === "POST" ? { status: 201 } : undefined));
    expect(await upload(to, HELLO, { ...options, onProgress })).toEqual({ digest: HELLO_DIGEST, sizeInBytes: 5 });
    expect(methods(to)).toEqual(["HEAD", "POST"]);
    expect(to.registry.calls[1]?.url.search).toBe(`?mount=${encodeURIComponent(HELLO_DIGEST)}&from=base`);
    expect(events.map(({ kind }) => kind)).toEqual(["started", "mounted"]);
  });

  test("that is not to be had goes on with the upload that was opened instead", async () => {
    const to = uploadRegistry();
    await upload(to, HELLO, options);
    expect(methods(to)).toEqual(["HEAD", "POST", "PUT"]);
    arrived(to, HELLO);
  });

  test("that is refused is no reason not to upload", async () => {
    const to = uploadRegistry(({ method }, nth) =>
      method === "POST" && nth === 0 ? refusal(403, "DENIED", "requested access to the resource is denied") : undefined,
    );
    await upload(to, HELLO, options);
    expect(methods(to)).toEqual(["HEAD", "POST", "POST", "PUT"]);
  });

  test("is not tried for what is there, nor from the repository itself", async () => {
    const { events, onProgress } = kinds();
    const to = uploadRegistry();
    await upload(to, HELLO, { ...options, mountFrom: "app" });
    expect(to.registry.calls[1]?.url.search).toBe("");
    await upload(to, HELLO, { ...options, onProgress });
    expect(methods(to)).toEqual(["HEAD", "POST", "PUT", "HEAD"]);
    expect(events.map(({ kind }) => kind)).toEqual(["started", "skipped"]);
  });

  test("needs a digest", async () => {
    const to = uploadRegistry();
    await failureOf(upload(to, HELLO, { mountFrom: "base" }), InvalidInputError);
    expect(to.registry.seen).toEqual([]);
  });
});
