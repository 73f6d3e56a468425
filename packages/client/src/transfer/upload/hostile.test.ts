import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createDigester, digestOf, InvalidInputError } from "@acrkit/oci";
import { describe, expect, onTestFinished, test } from "vitest";
import { ClientAuthenticationError, ContentReadError, RegistryError } from "../../errors/registry-error.ts";
import { clientOf, failureOf } from "../../testing/client.ts";
import { patterned } from "../../testing/content.ts";
import { failOnUnhandled } from "../../testing/unhandled.ts";
import { type UploadRegistry, uploadRegistry } from "../../testing/upload-registry.ts";
import type { BlobContent } from "./content.ts";
import type { UploadBlobOptions } from "./upload.ts";

failOnUnhandled();

const MEBIBYTE = 1024 * 1024;
const large = patterned(6 * MEBIBYTE);
const upload = ({ registry }: UploadRegistry, content: BlobContent, options: UploadBlobOptions = {}) =>
  clientOf(registry).uploadBlob("app", content, options);
const methods = ({ registry }: UploadRegistry) => registry.calls.map(({ method }) => method);

describe("a registry that never lets an upload come to its end", () => {
  test("is given up when it refuses the token again and again, wherever it claims to stand", async () => {
    let asked = 0;
    const to: UploadRegistry = uploadRegistry(({ method }) => {
      if (method === "PATCH") return { status: 401 };
      if (method !== "GET") return undefined;
      if (++asked > 20) throw new Error("for ever");
      return { status: 204, headers: { range: asked % 2 === 0 ? "0-99" : "0-199" } };
    });
    await failureOf(upload(to, large), ClientAuthenticationError);
    expect(methods(to).filter((method) => method === "PATCH").length).toBeLessThanOrEqual(3);
  });
  test.each([413, 416, 404, 408, 411, 429, 500, 501, 503, 400, 403])(
    "is given up when it answers every body with %i, and the session is cancelled",
    async (status) => {
      let n = 0;
      const to: UploadRegistry = uploadRegistry(({ method }) => {
        if (method !== "PATCH" && method !== "PUT") return undefined;
        if (++n > 40) throw new Error("for ever");
        return { status };
      });
      for (const make of [() => large, () => Readable.from([large]), () => patterned(10)]) {
        n = 0;
        await failureOf(upload(to, make()), RegistryError);
        expect(to.sessions.size).toBe(0);
      }
    },
  );
  test.each([413, 416, 404, 408, 411, 429, 500])(
    "is given up when it answers every commit with %i, and the session is cancelled",
    async (status) => {
      let n = 0;
      const to: UploadRegistry = uploadRegistry(
        ({ method }) => {
          if (method !== "PUT") return undefined;
          if (++n > 40) throw new Error("for ever");
          return { status };
        },
        { reportsOffset: true },
      );
      for (const make of [() => large, () => Readable.from([large]), () => patterned(10)]) {
        n = 0;
        await failureOf(upload(to, make()), RegistryError);
        expect(to.sessions.size).toBe(0);
      }
    },
  );
});

test("a registry that asks for chunks beyond all measure does not get everything into memory", async () => {
  const to: UploadRegistry = uploadRegistry(
    ({ method }, nth) => (method === "PATCH" && nth === 0 ? { status: 413 } : undefined),
    { minChunkBytes: 10 ** 14 },
  );
  const piece = patterned(MEBIBYTE);
  let taken = 0;
  let atFirst = 0;
  await upload(
    to,
    async function* () {
      for (taken = 0; taken < 80; taken++) yield piece;
    },
    {
      onProgress: ({ kind }) => {
        if (kind === "progress" && to.registry.calls.length > 3) atFirst ||= taken;
      },
    },
  );
  expect(atFirst).toBeLessThan(40);
  expect(
    Math.max(...to.registry.calls.filter(({ headers }) => headers["content-range"]).map(({ body }) => body.byteLength)),
  ).toBeLessThanOrEqual(16 * MEBIBYTE);
});

test("bytes that shrink or are given away meanwhile are a content that cannot be read", async () => {
  const to: UploadRegistry = uploadRegistry();
  const buffer = new ArrayBuffer(6 * MEBIBYTE, { maxByteLength: 8 * MEBIBYTE });
  const bytes = new Uint8Array(buffer);
  const failed = failureOf(
    upload(to, bytes, {
      onProgress: ({ kind }) => {
        if (kind === "progress") buffer.resize(2 * MEBIBYTE);
      },
    }),
    ContentReadError,
  );
  await failed;
  expect(to.committed).toEqual([]);
  const given = patterned(6 * MEBIBYTE);
  await failureOf(
    upload(to, given, {
      onProgress: ({ kind }) => {
        if (kind === "progress" && given.byteLength > 0)
          structuredClone(given, { transfer: [given.buffer as ArrayBuffer] });
      },
    }),
    ContentReadError,
  );
});

test("bytes that grow meanwhile are those that there were", async () => {
  const to: UploadRegistry = uploadRegistry();
  const buffer = new ArrayBuffer(6 * MEBIBYTE, { maxByteLength: 8 * MEBIBYTE });
  const bytes = new Uint8Array(buffer);
  bytes.set(large);
  const onProgress = () => buffer.resize(8 * MEBIBYTE);
  expect(await upload(to, bytes, { onProgress })).toEqual({ digest: digestOf(large), sizeInBytes: 6 * MEBIBYTE });
});

test("memory that is shared can be sent, as a view", async () => {
  const to: UploadRegistry = uploadRegistry();
  const shared = new Uint8Array(new SharedArrayBuffer(5 * MEBIBYTE));
  shared.set(large.subarray(0, 5 * MEBIBYTE));
  expect((await upload(to, shared)).digest).toBe(digestOf(large.slice(0, 5 * MEBIBYTE)));
  await failureOf(upload(to, shared.buffer as never), InvalidInputError);
});

test("a transport that keeps the bodies it was given finds them as they were", async () => {
  const to: UploadRegistry = uploadRegistry();
  const pieces = async function* () {
    for (let at = 0; at < 100; at += 10) yield large.slice(at, at + 10);
  };
  await upload(to, pieces, { chunkSizeInBytes: 25 });
  expect(to.committed.length).toBe(1);
  const to2: UploadRegistry = uploadRegistry();
  const pieces2 = async function* () {
    for (let at = 0; at < large.byteLength; at += 100_000) yield large.slice(at, at + 100_000);
  };
  await upload(to2, pieces2, { chunkSizeInBytes: MEBIBYTE });
  expect(to2.committed.length).toBe(1);
});

test("a source whose end fails while it is not needed harms nobody", async () => {
  const to: UploadRegistry = uploadRegistry();
  const digest = digestOf(large);
  await upload(to, large);
  const content = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: true as const, value: undefined }),
      return: () => Promise.reject(new Error("cannot be closed")),
    }),
  };
  expect((await upload(to, content, { digest })).digest).toBe(digest);
  const content2 = {
    [Symbol.asyncIterator]: () => {
      throw new Error("no");
    },
  };
  expect((await upload(to, content2 as never, { digest })).digest).toBe(digest);
  const content3 = new ReadableStream({
    cancel() {
      throw new Error("no");
    },
  });
  expect((await upload(to, content3 as never, { digest })).digest).toBe(digest);
});

test.each([
  ["undefined", undefined],
  ["null", null],
  ["text", "no"],
  ["a symbol", Symbol("no")],
  ["an object without a prototype", Object.create(null)],
  ["bigint", 1n],
])("a content that throws %s", async (_, thrown) => {
  for (const size of [0, 1, 6]) {
    const to: UploadRegistry = uploadRegistry();
    const content = async function* () {
      for (let i = 0; i < size; i++) yield large.subarray(i * MEBIBYTE, (i + 1) * MEBIBYTE);
      throw thrown;
    };
    for (const make of [content, content()]) {
      const error = await failureOf(upload(to, make), ContentReadError);
      expect(error.message).toContain("could not be read");
      expect(to.sessions.size).toBe(0);
    }
  }
});

test.each([
  ["a number", 1],
  ["null", null],
  ["undefined", undefined],
  ["an array", [1, 2]],
  ["ArrayBuffer", new ArrayBuffer(3)],
  ["DataView", new DataView(new ArrayBuffer(2))],
])("a stream that yields %s", async (_, value) => {
  for (const size of [0, 6]) {
    const to: UploadRegistry = uploadRegistry();
    const content = async function* () {
      for (let i = 0; i < size; i++) yield large.subarray(i * MEBIBYTE, (i + 1) * MEBIBYTE);
      yield value as never;
    };
    await failureOf(upload(to, content), InvalidInputError);
    expect(to.sessions.size).toBe(0);
  }
});

test.each(["started", "progress", "retrying", "verified", "skipped", "mounted"])(
  "what the callback throws at %s comes out as it is, and nothing is left",
  async (at) => {
    for (const thrown of [new Error("mine"), undefined, "x"]) {
      const to: UploadRegistry = uploadRegistry(
        (request, nth) => {
          if (request.method === "PATCH" && nth === 0 && at === "retrying") return to.cutAfter(10, request);
          if (request.method === "POST" && at === "mounted") return { status: 201 };
          if (request.method === "HEAD" && at === "skipped")
            return { status: 200, headers: { "content-length": "6291456" } };
          return undefined;
        },
        { reportsOffset: true },
      );
      let caught: unknown = "none";
      await upload(to, large, {
        digest: digestOf(large),
        ...(at === "mounted" ? { mountFrom: "other" } : {}),
        onProgress: ({ kind }) => {
          if (kind === at) throw thrown;
        },
      }).catch((error) => {
        caught = error;
      });
      expect(caught).toBe(thrown);
      expect(to.sessions.size).toBe(0);
    }
  },
);

test("a registry may name what it has stored by another hash than the one that was asked for", async () => {
  const digester = createDigester("sha512");
  digester.update(large);
  const digest = digester.digest();
  const to: UploadRegistry = uploadRegistry(({ method }) =>
    method === "PUT" ? { status: 201, headers: { "docker-content-digest": digestOf(large) } } : undefined,
  );
  expect((await upload(to, large, { digest })).digest).toBe(digest);
});

const SIZES = [
  0,
  1,
  4 * MEBIBYTE - 1,
  4 * MEBIBYTE,
  4 * MEBIBYTE + 1,
  MEBIBYTE - 1,
  MEBIBYTE,
  MEBIBYTE + 1,
  512 * 1024 - 1,
  512 * 1024,
  512 * 1024 + 1,
];
test.each(SIZES)("%i bytes of every kind arrive, in every way, when the first commit is cut", async (size) => {
  const bytes = large.slice(0, size);
  const folder = await mkdtemp(join(tmpdir(), "acrkit-hostile-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "content");
  await writeFile(path, bytes);
  const gen = async function* () {
    for (let at = 0; at < size; at += 65_536) yield bytes.subarray(at, at + 65_536);
  };
  for (const make of [
    () => bytes,
    () => bytes.buffer,
    () => new Blob([bytes]),
    () => ({ path }),
    () => gen,
    () => gen(),
    () => new Blob([bytes]).stream(),
    () => Readable.from(gen()),
  ] as (() => BlobContent)[]) {
    for (const options of [
      {},
      { chunkSizeInBytes: 1_000_000 },
      { digest: digestOf(bytes) },
      { journal: join(folder, "j"), digest: digestOf(bytes) },
    ]) {
      for (const behaviour of [{}, { reportsOffset: true }]) {
        const to: UploadRegistry = uploadRegistry(
          (request, nth) =>
            request.method === "PUT" && nth === 0 ? to.cutAfter(request.body.byteLength >> 1, request) : undefined,
          behaviour,
        );
        const result = await upload(to, make(), options);
        expect(result).toEqual({ digest: digestOf(bytes), sizeInBytes: size });
        expect(to.committed.length).toBe(1);
        if (behaviour.reportsOffset) expect(to.sessions.size).toBe(0);
      }
    }
  }
});
