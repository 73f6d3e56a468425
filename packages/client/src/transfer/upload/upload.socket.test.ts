import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createDigester, digestOf } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ContentReadError,
  RegistryError,
  TransportError,
  UnexpectedResponseError,
} from "../../errors/registry-error.ts";
import { abortOf, failureOf } from "../../testing/client.ts";
import { patterned } from "../../testing/content.ts";
import { clientAt, type RawServer, serve, until } from "../../testing/raw-server.ts";
import { failOnUnhandled } from "../../testing/unhandled.ts";
import type { BlobContent } from "./content.ts";

failOnUnhandled();

const MEBIBYTE = 1024 * 1024;
const LOCATION = "/v2/app/blobs/uploads/uuid";
type Handle = (request: IncomingMessage, response: ServerResponse, nth: number) => void;

/** A registry that takes every upload; `onPatch` may misbehave, `nth` counts. */
async function uploadServer(onPatch: Handle = take) {
  const committed: string[] = [];
  let patches = 0;
  let cancelled = 0;
  const server = await serve((request, response) => {
    if (request.method === "POST") return accept(response);
    if (request.method === "PATCH") return onPatch(request, response, patches++);
    if (request.method === "GET") return void response.writeHead(404).end();
    if (request.method === "DELETE") {
      cancelled++;
      return void response.writeHead(204).end();
    }
    committed.push(new URL(request.url ?? "", "http://x").searchParams.get("digest") ?? "");
    request.resume().on("end", () => response.writeHead(201).end());
  });
  return { server, committed, cancelled: () => cancelled, patches: () => patches };
}

function accept(response: ServerResponse): void {
  response.writeHead(202, { location: LOCATION, "content-length": "0" }).end();
}

function take(request: IncomingMessage, response: ServerResponse): void {
  request.resume().on("end", () => accept(response));
}

/** Reads a little of the body, then cuts the connection. */
function cut(request: IncomingMessage): void {
  request.once("data", () => request.socket.destroy());
}

const upload = ({ server }: { server: RawServer }, content: BlobContent, options = {}) =>
  clientAt(server).uploadBlob("app", content, options);

let folder: string;
let path: string;
const content = patterned(3 * MEBIBYTE);
const pieces = () =>
  Readable.from(Array.from({ length: 48 }, (_, index) => content.subarray(index * 65_536, (index + 1) * 65_536)));
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "acrkit-upload-"));
  path = join(folder, "content");
  await writeFile(path, content);
});
afterAll(() => rm(folder, { recursive: true }));

test.each([
  ["a file", () => ({ path })],
  ["a Blob", () => new Blob([content.slice()])],
  ["a Node stream", () => createReadStream(path)],
  ["a generator", () => pieces()],
] as [string, () => BlobContent][])("%s goes over one connection, chunk after chunk", async (_, make) => {
  const registry = await uploadServer();
  const result = await upload(registry, make(), { chunkSizeInBytes: MEBIBYTE });
  expect(result).toEqual({ digest: digestOf(content), sizeInBytes: content.byteLength });
  // The last rides the commit.
  expect(registry.patches()).toBe(2);
  expect(registry.server.connections()).toBe(1);
});

describe("a connection that is cut in the middle of a chunk", () => {
  test.each([
    ["a file", () => ({ path })],
    ["bytes", () => content],
    ["a function", () => () => createReadStream(path)],
  ] as [string, () => BlobContent][])("is survived by %s", async (_, make) => {
    const registry = await uploadServer((request, response, nth) =>
      nth === 1 ? cut(request) : take(request, response),
    );
    const { digest } = await upload(registry, make(), { chunkSizeInBytes: MEBIBYTE });
    expect(digest).toBe(digestOf(content));
    expect(registry.committed).toEqual([digest]);
    expect(registry.patches()).toBe(4);
  });

  test("is survived by a stream as long as all of it is there", async () => {
    const registry = await uploadServer((request, response, nth) =>
      nth === 0 ? cut(request) : take(request, response),
    );
    const { digest } = await upload(registry, pieces(), { chunkSizeInBytes: MEBIBYTE });
    expect(registry.committed).toEqual([digest]);
  });

  test("ends the upload of a stream whose beginning is gone, with nothing committed", async () => {
    const registry = await uploadServer((request) => {
      let seen = 0;
      request.on("data", (part: Buffer) => {
        seen += part.byteLength;
        if (seen > 40 * MEBIBYTE) request.socket.destroy();
      });
    });
    const long = async function* () {
      for (let count = 0; count < 64; count++) yield content.subarray(0, MEBIBYTE);
    };
    const error = await failureOf(upload(registry, long()), TransportError);
    expect(error.code).toMatch(/ECONNRESET|EPIPE/);
    expect(error.message).toContain("the content is a stream");
    expect(registry.committed).toEqual([]);
    expect(registry.patches()).toBe(1);
    expect(registry.cancelled()).toBe(1);
  });
});

describe("an answer that comes before the chunk has been sent", () => {
  /** Content that never ends: only the answer can end the upload. */
  const endless = async function* () {
    for (;;) {
      yield content.subarray(0, 65_536);
      await new Promise(setImmediate);
    }
  };

  test.each([
    ["and the rest is read", (request: IncomingMessage) => void request.resume()],
    // Not for ever: a connection from which nobody reads does not notice that it was closed.
    ["and nothing is read", (request: IncomingMessage) => void setTimeout(() => request.resume(), 50)],
  ])("with a refusal, %s: the refusal is the error, and the connection is closed", async (_, after) => {
    const registry = await uploadServer((request, response) => {
      request.once("data", () => {
        request.pause();
        const body = JSON.stringify({ errors: [{ code: "DENIED", message: "quota" }] });
        response.writeHead(400, { "content-type": "application/json", "content-length": body.length }).end(body);
        after(request);
      });
    });
    const error = await failureOf(upload(registry, endless), RegistryError);
    expect(error).toMatchObject({ statusCode: 400, code: "DENIED" });
    expect(registry.committed).toEqual([]);
    // The one that stays is that of the cancellation.
    await until(() => registry.server.sockets.size <= 1);
  });

  test("with a success, is not taken for one", async () => {
    const registry = await uploadServer((request, response) => {
      accept(response);
      setTimeout(() => request.resume(), 50);
    });
    await failureOf(upload(registry, endless), UnexpectedResponseError);
    expect(registry.committed).toEqual([]);
    await until(() => registry.server.sockets.size <= 1);
  });
});

test("content that fails half-way does not keep the request waiting", async () => {
  let isAborted = false;
  const registry = await uploadServer((request) => {
    request.resume().on("error", () => {
      isAborted = true;
    });
  });
  const failing = async function* () {
    yield content;
    yield content;
    await new Promise((resolve) => setTimeout(resolve, 10));
    throw new Error("disk on fire");
  };
  for (const make of [failing, () => Readable.from(failing())]) {
    const error = await failureOf(upload(registry, make), ContentReadError);
    expect((error.cause as Error).message).toBe("disk on fire");
  }
  await until(() => isAborted);
  expect(registry.committed).toEqual([]);
  expect(registry.cancelled()).toBe(2);
}, 10_000);

test("an abort half-way ends the request and cancels the session", async () => {
  const controller = new AbortController();
  let isAborted = false;
  const registry = await uploadServer((request) => {
    request.once("data", () => controller.abort());
    request.resume().on("error", () => {
      isAborted = true;
    });
  });
  const slow = async function* () {
    yield content;
    yield content;
    for (;;) {
      yield content.subarray(0, 1_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await abortOf(upload(registry, slow, { abortSignal: controller.signal }));
  await until(() => isAborted && registry.cancelled() === 1);
  expect(registry.committed).toEqual([]);
}, 10_000);

test("a registry that does not read stalls the upload, which ends by the idle timeout", async () => {
  const registry = await uploadServer((request) => void request.pause());
  const client = clientAt(registry.server, { idleTimeoutInMs: 200, retryOptions: { maxRetries: 0 } });
  const long = async function* () {
    for (;;) yield content;
  };
  const error = await failureOf(client.uploadBlob("app", long()), TransportError);
  expect(error.code).toBe("IDLE_TIMEOUT");
}, 10_000);

test("a registry that does not read stalls a chunk as well", async () => {
  const registry = await uploadServer((request) => void request.pause());
  const client = clientAt(registry.server, { idleTimeoutInMs: 200, retryOptions: { maxRetries: 0 } });
  const long = async function* () {
    for (;;) yield content;
  };
  const error = await failureOf(client.uploadBlob("app", long(), { chunkSizeInBytes: 16 * MEBIBYTE }), TransportError);
  expect(error.code).toBe("IDLE_TIMEOUT");
}, 10_000);

test("128 MiB of a stream go through without being held", async () => {
  const part = patterned(MEBIBYTE);
  const digester = createDigester();
  for (let count = 0; count < 128; count++) digester.update(part);
  let most = 0;
  const stream = async function* () {
    for (let count = 0; count < 128; count++) {
      yield part.slice();
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    }
  };
  const registry = await uploadServer();
  const before = process.memoryUsage().arrayBuffers;
  const { digest } = await upload(registry, stream());
  expect(digest).toBe(digester.digest());
  // Garbage that has not been collected yet counts as well; all of it held would be 128 MiB.
  expect(most - before).toBeLessThan(96 * MEBIBYTE);
});

test("a chunk that is refused before it has been sent leaves no connection open", async () => {
  const registry = await uploadServer((request, response) => {
    request.once("data", () => {
      request.pause();
      response.writeHead(400, { "content-length": 0 }).end();
      setTimeout(() => request.resume(), 50);
    });
  });
  const long = async function* () {
    for (let count = 0; count < 10; count++) yield content;
  };
  await failureOf(upload(registry, long, { chunkSizeInBytes: 16 * MEBIBYTE }), RegistryError);
  expect(registry.committed).toEqual([]);
  // The one that stays is that of the cancellation.
  await until(() => registry.server.sockets.size <= 1);
});

test.each([
  ["to a registry that reads in fits and starts", {}],
  ["whose progress is watched on the way", { requestOptions: { onUploadProgress: () => {} } }],
])("a file is read into the same memory again only once that was written: %s", async (_, options) => {
  const long = join(folder, "long");
  const block = patterned(8 * MEBIBYTE);
  await writeFile(long, Buffer.concat([block, block.map((byte) => byte ^ 0x55), block.map((byte) => byte ^ 0xaa)]));
  const arrived = createDigester();
  const registry = await uploadServer((request, response) => {
    let seen = 0;
    request.on("data", (part: Buffer) => {
      arrived.update(part);
      const before = seen;
      seen += part.byteLength;
      // Long enough that all buffers on the way are full, and the client has a piece that is written in part.
      if (before !== 0 && Math.floor(before / MEBIBYTE / 4) === Math.floor(seen / MEBIBYTE / 4)) return;
      request.pause();
      setTimeout(() => request.resume(), 100);
    });
    request.on("end", () => accept(response));
  });
  const { digest, sizeInBytes } = await upload(registry, { path: long }, options);
  expect(sizeInBytes).toBe(24 * MEBIBYTE);
  expect(arrived.digest()).toBe(digest);
});
