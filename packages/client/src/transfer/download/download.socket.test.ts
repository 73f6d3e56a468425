import { mkdtemp, readdir, rm } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createDigester, DigestMismatchError, digestOf } from "@acrkit/oci";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ResourceNotFoundError, TransportError } from "../../errors/registry-error.ts";
import { abortOf, failureOf } from "../../testing/client.ts";
import { patterned } from "../../testing/content.ts";
import { clientAt, serve, until } from "../../testing/raw-server.ts";
import { failOnUnhandled } from "../../testing/unhandled.ts";

failOnUnhandled();

const MEBIBYTE = 1024 * 1024;
const BYTES = patterned(MEBIBYTE);
const DIGEST = digestOf(BYTES);

const announce = (response: ServerResponse, size = BYTES.byteLength) =>
  response.writeHead(200, { "content-length": String(size) });
/** Sends a part, and cuts the connection once it is on its way. */
const cutAfter = (response: ServerResponse, part: Uint8Array) =>
  response.write(part, () => setImmediate(() => response.destroy()));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "acrkit-download-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("a connection serves one call after the other", async () => {
  const server = await serve((request, response) => {
    if (request.url?.includes("missing")) {
      const body = '{"errors":[{"code":"NAME_UNKNOWN","message":"no"}]}';
      response.writeHead(404, { "content-length": body.length }).end(body);
    } else announce(response).end(BYTES);
  });
  const client = clientAt(server);
  await (await client.downloadBlob("app", DIGEST)).bytes();
  await failureOf(client.downloadBlob("missing", DIGEST), ResourceNotFoundError);
  await (await client.downloadBlob("app", DIGEST)).toFile(join(folder, "blob"));
  expect(server.connections()).toBe(1);
});

test("what was cut off is resumed by range", async () => {
  const ranges: (string | undefined)[] = [];
  const server = await serve((request, response, index) => {
    ranges.push(request.headers.range);
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    if (from > 0)
      response.writeHead(206, { "content-range": `bytes ${from}-${BYTES.byteLength - 1}/${BYTES.byteLength}` });
    else announce(response);
    if (index < 3) cutAfter(response, BYTES.subarray(from, from + 100_000));
    else response.end(BYTES.subarray(from));
  });
  const bytes = await (await clientAt(server).downloadBlob("app", DIGEST)).bytes();
  expect(Buffer.from(bytes).equals(BYTES)).toBe(true);
  expect(ranges).toHaveLength(4);
  expect(ranges.slice(1).every((range) => /^bytes=\d+-$/.test(range ?? ""))).toBe(true);
});

test("what is cut off again and again without a byte is given up, with nothing left of the file", async () => {
  const server = await serve((_, response, index) => {
    if (index === 0) cutAfter(announce(response), BYTES.subarray(0, 100_000));
    else {
      response.writeHead(200, { "content-length": String(BYTES.byteLength) });
      response.flushHeaders();
      setImmediate(() => response.destroy());
    }
  });
  const download = await clientAt(server, { retryOptions: { maxRetries: 0 } }).downloadBlob("app", DIGEST);
  const error = await failureOf(download.toFile(join(folder, "blob")), TransportError);
  expect(error.code).toBe("ECONNRESET");
  expect(await readdir(folder)).toEqual([]);
});

test("an answer that ends too early is refused", async () => {
  const server = await serve((_, response) => announce(response, BYTES.byteLength).end(BYTES));
  const download = await clientAt(server).downloadBlob("app", digestOf(BYTES.subarray(0, 10)));
  await failureOf(download.bytes(), DigestMismatchError);
});

describe("leaving", () => {
  /** A registry that announces a blob, sends a little, and never ends. */
  const hanging = () => serve((_, response) => void announce(response).write(BYTES.subarray(0, 1_000)));

  test.each([
    [
      "a loop early",
      async (download) => {
        for await (const _ of download) break;
      },
    ],
    ["a stream that nobody has read", (download) => download.stream().cancel()],
    [
      "a stream while it waits",
      async (download) => {
        const reader = download.stream().getReader();
        await reader.read();
        const waiting = reader.read();
        await reader.cancel();
        await waiting;
      },
    ],
    [
      "a Node stream while it waits",
      async (download) => {
        const stream = Readable.from(download);
        await new Promise((resolve) => stream.once("data", resolve));
        stream.destroy();
      },
    ],
    [
      "a Node pipeline that fails",
      async (download) => {
        const target = async (source: AsyncIterable<Uint8Array>) => {
          for await (const _ of source) throw new Error("enough");
        };
        await pipeline(Readable.from(download), target).catch(() => {});
      },
    ],
  ] as [string, (download: Awaited<ReturnType<ReturnType<typeof clientAt>["downloadBlob"]>>) => Promise<void>][])(
    "%s closes the connection",
    async (_, leave) => {
      const server = await hanging();
      const download = await clientAt(server).downloadBlob("app", DIGEST);
      expect(server.sockets.size).toBe(1);
      await leave(download);
      await until(() => server.sockets.size === 0);
    },
    10_000,
  );

  test("by cancel closes the connection, once it is clear that the rest will not come", async () => {
    const server = await hanging();
    await (await clientAt(server).downloadBlob("app", DIGEST)).cancel();
    await until(() => server.sockets.size === 0);
  }, 10_000);

  test("by an abort closes the connection", async () => {
    const controller = new AbortController();
    const server = await hanging();
    const download = await clientAt(server).downloadBlob("app", DIGEST, { abortSignal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    await abortOf(download.toFile(join(folder, "blob")));
    expect(await readdir(folder)).toEqual([]);
    await until(() => server.sockets.size === 0);
  }, 10_000);

  test("by an abort before reading closes the connection", async () => {
    const controller = new AbortController();
    const server = await hanging();
    const download = await clientAt(server).downloadBlob("app", DIGEST, { abortSignal: controller.signal });
    controller.abort();
    await abortOf(download.bytes());
    await until(() => server.sockets.size === 0);
  }, 10_000);

  test("because nothing comes closes the connection, and a resumed one as well", async () => {
    const server = await hanging();
    const client = clientAt(server, { idleTimeoutInMs: 150 });
    const error = await failureOf((await client.downloadBlob("app", DIGEST)).bytes(), TransportError);
    expect(error.code).toBe("IDLE_TIMEOUT");
    expect(server.lines).toHaveLength(4);
    await until(() => server.sockets.size === 0);
  }, 10_000);
});

test("128 MiB go into a file without being held", async () => {
  const part = BYTES;
  const digester = createDigester();
  for (let count = 0; count < 128; count++) digester.update(part);
  const server = await serve((_, response) => {
    announce(response, 128 * MEBIBYTE);
    Readable.from(Array(128).fill(part)).pipe(response);
  });
  let most = 0;
  const before = process.memoryUsage().arrayBuffers;
  const download = await clientAt(server).downloadBlob("app", digester.digest(), {
    onProgress: () => {
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    },
  });
  await download.toFile(join(folder, "blob"));
  // Garbage that has not been collected yet counts as well; all of it held would be 128 MiB.
  expect(most - before).toBeLessThan(96 * MEBIBYTE);
});
