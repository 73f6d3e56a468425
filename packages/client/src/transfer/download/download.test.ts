import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { DigestMismatchError, digestOf, InvalidInputError, LimitError } from "@acrkit/oci";
import type { PipelineRequest, PipelineResponse } from "@azure/core-rest-pipeline";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  ContentWriteError,
  ResourceNotFoundError,
  TransportError,
  UnexpectedResponseError,
} from "../../errors/registry-error.ts";
import { abortOf, clientOf, failureOf } from "../../testing/client.ts";
import { patterned } from "../../testing/content.ts";
import {
  type Answer,
  connectionError,
  inOrder,
  openRegistry,
  refusal,
  type ScriptedAnswer,
  type ScriptedRegistry,
} from "../../testing/scripted-registry.ts";
import { failOnUnhandled } from "../../testing/unhandled.ts";
import type { TransferProgress } from "../progress.ts";
import type { BlobDownload, DownloadBlobOptions } from "./download.ts";

failOnUnhandled();

const BYTES = patterned(100);
const DIGEST = digestOf(BYTES);

/** A body that sends parts, and then breaks off like a connection that is cut. */
const cutAfter = (...parts: readonly Uint8Array[]) =>
  Readable.from(
    (async function* () {
      yield* parts;
      throw connectionError("ECONNRESET", "aborted");
    })(),
  );
const whole = (body: Uint8Array | Readable = BYTES, size = 100): ScriptedAnswer => ({
  status: 200,
  headers: { "content-length": String(size) },
  body,
});
const rest = (
  from: number,
  body: Uint8Array | Readable = BYTES.subarray(from),
  range = `bytes ${from}-99/100`,
): ScriptedAnswer => ({
  status: 206,
  headers: { "content-range": range },
  body,
});

const start = (registry: ScriptedRegistry, options: DownloadBlobOptions = {}) =>
  clientOf(registry).downloadBlob("app", DIGEST, options);
const answering = (...answers: readonly (ScriptedAnswer | Error | Answer)[]) => openRegistry(inOrder(...answers));

/** Every form in which a download can be read; each must verify. */
const FORMS: [string, (download: BlobDownload) => Promise<Uint8Array>][] = [
  [
    "a loop",
    async (download) => {
      const parts: Uint8Array[] = [];
      for await (const part of download) parts.push(part);
      return Buffer.concat(parts);
    },
  ],
  ["bytes", (download) => download.bytes()],
  [
    "a web stream",
    async (download) => {
      const parts: Uint8Array[] = [];
      for await (const part of download.stream()) parts.push(part);
      return Buffer.concat(parts);
    },
  ],
  ["a Node stream", async (download) => Buffer.concat(await Readable.from(download).toArray())],
  [
    "a file",
    async (download) => {
      await download.toFile(join(folder, "target"));
      return readFile(join(folder, "target"));
    },
  ],
];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "acrkit-download-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe.each(FORMS)("read as %s", (_, read) => {
  test("a blob comes as it is", async () => {
    const registry = answering(whole(Readable.from([BYTES.subarray(0, 1), BYTES.subarray(1, 70), BYTES.subarray(70)])));
    const download = await start(registry);
    expect(download).toMatchObject({ digest: DIGEST, sizeInBytes: 100 });
    expect(Buffer.from(await read(download)).equals(BYTES)).toBe(true);
    expect(registry.callLines).toEqual([`GET /v2/app/blobs/${DIGEST}`]);
    expect(registry.calls[0]?.headers).toMatchObject({ "accept-encoding": "identity" });
    expect(registry.calls[0]?.headers).not.toHaveProperty("range");
  });

  test("one that is corrupt is refused where it is read", async () => {
    const corrupt = BYTES.slice();
    corrupt[50] = (corrupt[50] ?? 0) ^ 1;
    const registry = answering(whole(corrupt));
    const error = await failureOf(read(await start(registry)), DigestMismatchError);
    expect(error).toMatchObject({ expected: DIGEST, actual: digestOf(corrupt), bytesRead: 100 });
  });

  test("one that ends too early is refused", async () => {
    const registry = answering(whole(BYTES.subarray(0, 99)));
    const error = await failureOf(read(await start(registry)), DigestMismatchError);
    expect(error.bytesRead).toBe(99);
  });

  test("one that does not end is cut off", async () => {
    const body = Readable.from(
      (function* () {
        for (let sent = 0; sent < 1_000_000; sent++) yield BYTES;
      })(),
    );
    const error = await failureOf(read(await start(answering(whole(body)))), DigestMismatchError);
    expect(error.bytesRead).toBe(200);
    expect(body.destroyed).toBe(true);
  });

  test("it cannot be read again", async () => {
    const download = await start(answering(whole()));
    await read(download);
    for (const [, again] of FORMS) await failureOf(again(download), InvalidInputError);
    await download.cancel();
  });

  test("after a cancel it cannot be read", async () => {
    const registry = answering(whole(new Readable({ read: () => {} })));
    const download = await start(registry);
    registry.bodies.at(-1)?.destroy();
    await download.cancel();
    await download.cancel();
    await failureOf(read(download), InvalidInputError);
  });

  test("an abort in the middle is an abort", async () => {
    const controller = new AbortController();
    const body = Readable.from(
      (async function* () {
        yield BYTES.subarray(0, 50);
        controller.abort();
        yield BYTES.subarray(50);
      })(),
    );
    const registry = answering(whole(body));
    await abortOf(read(await start(registry, { abortSignal: controller.signal })));
    expect(body.destroyed).toBe(true);
    expect(registry.calls).toHaveLength(1);
  });
});

describe("before anything is read", () => {
  test("an empty blob is read to its end", async () => {
    const empty = new Uint8Array();
    const registry = answering({ status: 200, headers: { "content-length": "0" } });
    const download = await clientOf(registry).downloadBlob("app", digestOf(empty));
    expect(await download.bytes()).toEqual(empty);
  });

  test("a blob that is not there is told so", async () => {
    const error = await failureOf(
      start(answering(refusal(404, "BLOB_UNKNOWN", "blob unknown to registry"))),
      ResourceNotFoundError,
    );
    expect(error).toMatchObject({ code: "BLOB_UNKNOWN", operation: "downloadBlob", repository: "app" });
    expect(error.message).toContain(DIGEST);
  });

  test.each([undefined, "many", "-1", ""])(
    "a registry that says %j for the size is not trusted with the rest",
    async (size) => {
      const body = Readable.from([BYTES]);
      const headers: Record<string, string> = size === undefined ? {} : { "content-length": size };
      const registry = answering({ status: 200, headers, body }, { status: 200, headers, body: Readable.from([]) });
      await failureOf(start(registry), UnexpectedResponseError);
      expect(body.destroyed).toBe(true);
    },
  );

  test("a registry that says no size with the blob is asked for it", async () => {
    const size = { "content-length": String(BYTES.byteLength) };
    const registry = answering(
      { status: 200, headers: {}, body: Readable.from([BYTES]) },
      { status: 200, headers: size, body: Readable.from([]) },
    );
    const download = await start(registry);
    expect(download.sizeInBytes).toBe(BYTES.byteLength);
    expect(Buffer.from(await download.bytes()).equals(BYTES)).toBe(true);
  });

  test("a digest of an algorithm that nobody can check is refused, and the connection closed", async () => {
    const body = Readable.from([BYTES]);
    const download = await clientOf(answering(whole(body))).downloadBlob("app", `blake3:${"0".repeat(64)}`);
    await failureOf(download.bytes(), InvalidInputError);
    expect(body.destroyed).toBe(true);
  });
});

describe("a connection that drops", () => {
  test("is resumed where it broke off", async () => {
    const registry = answering(
      whole(cutAfter(BYTES.subarray(0, 30))),
      rest(30, cutAfter(BYTES.subarray(30, 31))),
      rest(31),
    );
    const bytes = await (await start(registry)).bytes();
    expect(Buffer.from(bytes).equals(BYTES)).toBe(true);
    expect(registry.calls.map(({ headers }) => headers.range)).toEqual([undefined, "bytes=30-", "bytes=31-"]);
    expect(registry.bodies.every((body) => body.destroyed)).toBe(true);
  });

  test("before the first byte is asked for anew", async () => {
    const registry = answering(whole(cutAfter()), whole());
    await (await start(registry)).bytes();
    expect(registry.calls.map(({ headers }) => headers.range)).toEqual([undefined, undefined]);
  });

  test.each([1, 30, 99])(
    "after %i bytes, of a server that knows no ranges, gets it all again and skips what it has",
    async (offset) => {
      const again = Readable.from([BYTES.subarray(0, 20), BYTES.subarray(20, 50), BYTES.subarray(50)]);
      const registry = answering(whole(cutAfter(BYTES.subarray(0, offset))), whole(again));
      expect(Buffer.from(await (await start(registry)).bytes()).equals(BYTES)).toBe(true);
    },
  );

  test.each([
    ["bytes 29-99/100"],
    ["bytes 31-99/100"],
    ["bytes 30-99/101"],
    ["bytes 3-99/100"],
    ["30-99/100"],
    [undefined],
  ])("is not resumed with the range %s", async (range) => {
    const answer: ScriptedAnswer = {
      status: 206,
      headers: range === undefined ? {} : { "content-range": range },
      body: BYTES.subarray(30),
    };
    const registry = answering(whole(cutAfter(BYTES.subarray(0, 30))), answer);
    const error = await failureOf((await start(registry)).bytes(), UnexpectedResponseError);
    expect(error.message).toContain(range ?? "(none)");
  });

  test("is resumed by a server that does not know the whole size", async () => {
    const registry = answering(whole(cutAfter(BYTES.subarray(0, 30))), rest(30, BYTES.subarray(30), "bytes 30-99/*"));
    await (await start(registry)).bytes();
  });

  test("and gives something else the second time is found out", async () => {
    const registry = answering(whole(cutAfter(BYTES.subarray(0, 30))), rest(30, patterned(200).subarray(130)));
    await failureOf((await start(registry)).bytes(), DigestMismatchError);
  });

  test("three times without a byte is given up at the fourth", async () => {
    const registry = openRegistry((_, index) =>
      index === 0 ? whole(cutAfter(BYTES.subarray(0, 30))) : rest(30, cutAfter()),
    );
    const error = await failureOf((await start(registry)).bytes(), TransportError);
    expect(error).toMatchObject({ code: "ECONNRESET", operation: "downloadBlob" });
    expect(registry.calls).toHaveLength(4);
  });

  test("again and again, with a byte in between, is given up as well", async () => {
    const registry = openRegistry((_, index) =>
      index === 0 ? whole(cutAfter(BYTES.subarray(0, 1))) : rest(index, cutAfter(BYTES.subarray(index, index + 1))),
    );
    await failureOf((await start(registry)).bytes(), TransportError);
    expect(registry.calls).toHaveLength(4);
  });

  test("again and again, with 64 KiB in between, is not given up", async () => {
    const step = 64 * 1024;
    const bytes = patterned(step * 6);
    const digest = digestOf(bytes);
    const registry = openRegistry((_, index): ScriptedAnswer => {
      const body = cutAfter(bytes.subarray(index * step, (index + 1) * step));
      if (index === 0) return { status: 200, headers: { "content-length": String(bytes.byteLength) }, body };
      const range = `bytes ${index * step}-${bytes.byteLength - 1}/${bytes.byteLength}`;
      return { status: 206, headers: { "content-range": range }, body };
    });
    const download = await clientOf(registry).downloadBlob("app", digest);
    expect(Buffer.from(await download.bytes()).equals(bytes)).toBe(true);
    expect(registry.calls).toHaveLength(6);
  });

  test("and cannot be made anew fails the reader", async () => {
    const registry = openRegistry((_, index) => {
      if (index === 0) return whole(cutAfter(BYTES.subarray(0, 30)));
      throw connectionError("ECONNREFUSED");
    });
    const error = await failureOf((await start(registry)).bytes(), TransportError);
    expect(error.code).toBe("ECONNREFUSED");
    // As often as any other request.
    expect(registry.calls).toHaveLength(5);
  });

  test("is not resumed by a client that is to retry nothing", async () => {
    const registry = answering(whole(cutAfter(BYTES.subarray(0, 30))));
    const client = clientOf(registry, { retryOptions: { maxRetries: 0 } });
    await failureOf((await client.downloadBlob("app", DIGEST)).bytes(), TransportError);
  });

  test.each([
    ["etag", '"1"', '"2"'],
    ["docker-content-digest", DIGEST, digestOf(patterned(1))],
  ])("and is of something else by its %s is not resumed", async (header, before, after) => {
    const withHeader = (answer: ScriptedAnswer, value: string) => ({
      ...answer,
      headers: { ...answer.headers, [header]: value },
    });
    const again = Readable.from([BYTES.subarray(30)]);
    const registry = answering(
      withHeader(whole(cutAfter(BYTES.subarray(0, 30))), before),
      withHeader(rest(30, again), after),
    );
    const error = await failureOf((await start(registry)).bytes(), UnexpectedResponseError);
    expect(error.message).toContain(`${before} became ${after}`);
    expect(registry.bodies.every((body) => body.destroyed)).toBe(true);
  });

  test("and has another weak ETag is resumed, since that says nothing of bytes", async () => {
    const registry = answering(
      { ...whole(cutAfter(BYTES.subarray(0, 30))), headers: { "content-length": "100", etag: 'W/"1"' } },
      { ...rest(30), headers: { "content-range": "bytes 30-99/100", etag: 'W/"2"' } },
    );
    await (await start(registry)).bytes();
  });

  test("because it stood still is resumed like any other", async () => {
    const stalled = new Readable({ read() {} });
    stalled.push(BYTES.subarray(0, 30));
    const registry = answering(whole(stalled), rest(30));
    const client = clientOf(registry, { idleTimeoutInMs: 100 });
    await (await client.downloadBlob("app", DIGEST)).bytes();
    expect(stalled.destroyed).toBe(true);
  });
});

describe("leaving early", () => {
  test("closes the connection", async () => {
    const body = Readable.from(Array(10).fill(BYTES.subarray(0, 10)));
    for await (const _ of await start(answering(whole(body)))) break;
    expect(body.destroyed).toBe(true);
  });

  test("by an error in the loop closes the connection", async () => {
    const body = Readable.from(Array(10).fill(BYTES.subarray(0, 10)));
    const download = await start(answering(whole(body)));
    const loop = async () => {
      for await (const _ of download) throw new Error("disk full");
    };
    await expect(loop()).rejects.toThrow("disk full");
    expect(body.destroyed).toBe(true);
  });

  test("by cancelling the stream closes the connection", async () => {
    const body = Readable.from(Array(10).fill(BYTES.subarray(0, 10)));
    const reader = (await start(answering(whole(body)))).stream().getReader();
    await reader.read();
    await reader.cancel();
    expect(body.destroyed).toBe(true);
  });

  /** A body that never ends and gives nothing: whoever waits for it waits for ever. */
  const silent = () => new Readable({ read() {} });

  test("by cancelling a stream that nobody has read closes the connection", async () => {
    const body = silent();
    await (await start(answering(whole(body)))).stream().cancel();
    expect(body.destroyed).toBe(true);
  }, 5_000);

  test("by cancelling a stream while it waits closes the connection at once", async () => {
    const body = silent();
    const reader = (await start(answering(whole(body)))).stream().getReader();
    const read = reader.read();
    await reader.cancel();
    expect(await read).toEqual({ done: true, value: undefined });
    expect(body.destroyed).toBe(true);
  }, 5_000);

  test("by destroying a Node stream that nobody has read closes the connection", async () => {
    const body = silent();
    const stream = Readable.from(await start(answering(whole(body))));
    stream.destroy();
    await new Promise((resolve) => stream.once("close", resolve));
    expect(body.destroyed).toBe(true);
  }, 5_000);

  test("by `return` before the first piece closes the connection", async () => {
    const body = silent();
    const parts = (await start(answering(whole(body))))[Symbol.asyncIterator]();
    await parts.return();
    expect(body.destroyed).toBe(true);
    expect(await parts.next()).toEqual({ done: true, value: undefined });
  }, 5_000);

  test("by cancel closes the connection", async () => {
    const body = Readable.from(Array(100).fill(Buffer.alloc(65_536)));
    const download = await start(answering(whole(body, 6_553_600)));
    await download.cancel();
    expect(body.destroyed).toBe(true);
  });

  test("by `await using` closes the connection", async () => {
    const body = Readable.from(Array(100).fill(Buffer.alloc(65_536)));
    {
      await using download = await start(answering(whole(body, 6_553_600)));
      expect(download.sizeInBytes).toBe(6_553_600);
    }
    expect(body.destroyed).toBe(true);
  });
});

describe("bytes", () => {
  test("of a blob that says it is larger than allowed are refused without reading", async () => {
    const body = Readable.from(Array(100).fill(Buffer.alloc(65_536)));
    const download = await start(answering(whole(body, 6_553_600)));
    const error = await failureOf(download.bytes({ maxBytes: 99 }), LimitError);
    expect(error).toMatchObject({ limit: 99, seen: 6_553_600 });
    expect(body.destroyed).toBe(true);
    await failureOf(download.bytes(), InvalidInputError);
  });

  test("up to the limit are given", async () => {
    expect((await (await start(answering(whole()))).bytes({ maxBytes: 100 })).byteLength).toBe(100);
    await failureOf((await start(answering(whole()))).bytes({ maxBytes: 99 }), LimitError);
  });

  test("beyond 64 MiB have to be asked for", async () => {
    const download = await start(answering(whole(Readable.from([]), 64 * 1024 * 1024 + 1)));
    await failureOf(download.bytes(), LimitError);
  });
});

describe("with a transport that gives web streams, as in browsers", () => {
  test.each(FORMS)("%s gives the blob", async (_, read) => {
    const registry = answering(whole());
    const httpClient = {
      async sendRequest(request: PipelineRequest): Promise<PipelineResponse> {
        const { readableStreamBody, ...response } = await registry.sendRequest(request);
        if (readableStreamBody === undefined) return response;
        return { ...response, browserStreamBody: Readable.toWeb(readableStreamBody as Readable) as never };
      },
    };
    const download = await clientOf(httpClient).downloadBlob("app", DIGEST);
    expect(Buffer.from(await read(download)).equals(BYTES)).toBe(true);
    await download.cancel();
  });
});

describe("toFile", () => {
  const files = () => readdir(folder);
  const failing: [string, () => ScriptedAnswer][] = [
    ["corrupt", () => whole(patterned(200).subarray(100))],
    ["too short", () => whole(BYTES.subarray(0, 50))],
    ["too long", () => whole(patterned(200))],
  ];

  test("gives the file its name once everything is proven", async () => {
    const path = join(folder, "target");
    const during: string[][] = [];
    const body = Readable.from(
      (async function* () {
        yield BYTES.subarray(0, 60);
        during.push(await files());
        yield BYTES.subarray(60);
      })(),
    );
    await (await start(answering(whole(body)))).toFile(path);
    expect(during[0]?.every((name) => name !== "target")).toBe(true);
    expect(await files()).toEqual(["target"]);
    expect((await readFile(path)).equals(BYTES)).toBe(true);
  });

  test.each(failing)("leaves nothing behind when the blob is %s", async (_, answer) => {
    await failureOf((await start(answering(answer()))).toFile(join(folder, "target")), DigestMismatchError);
    expect(await files()).toEqual([]);
  });

  test.each(failing)("keeps the file that was there when the blob is %s", async (_, answer) => {
    await writeFile(join(folder, "target"), "precious");
    await failureOf((await start(answering(answer()))).toFile(join(folder, "target")), DigestMismatchError);
    expect(await files()).toEqual(["target"]);
    expect(await readFile(join(folder, "target"), "utf8")).toBe("precious");
  });

  test("replaces the file that was there when the blob is right", async () => {
    await writeFile(join(folder, "target"), "x".repeat(1_000));
    await (await start(answering(whole()))).toFile(join(folder, "target"));
    expect((await readFile(join(folder, "target"))).equals(BYTES)).toBe(true);
  });

  test("writes many small pieces and large ones in order", async () => {
    const content = patterned(3 * 1024 * 1024 + 7);
    const pieces: Uint8Array[] = [];
    for (let at = 0, size = 1; at < content.byteLength; at += size, size = (size * 3) % 300_007) {
      pieces.push(content.subarray(at, at + size));
    }
    const registry = answering(whole(Readable.from(pieces), content.byteLength));
    const download = await clientOf(registry).downloadBlob("app", digestOf(content));
    await download.toFile(join(folder, "target"));
    expect((await readFile(join(folder, "target"))).equals(content)).toBe(true);
  });

  test("into a folder that is not there fails, and closes the connection", async () => {
    const body = Readable.from(Array(100).fill(Buffer.alloc(65_536)));
    const download = await start(answering(whole(body, 6_553_600)));
    const path = join(folder, "missing", "target");
    const error = await failureOf(download.toFile(path), ContentWriteError);
    expect(error).toMatchObject({ code: "CONTENT_WRITE_FAILED", cause: { code: "ENOENT" } });
    expect(error.message).toContain(`cannot write ${path} after 0 of 6553600 bytes`);
    expect(body.destroyed).toBe(true);
  });

  test("onto a folder fails, and leaves nothing behind", async () => {
    await mkdir(join(folder, "target"));
    const error = await failureOf((await start(answering(whole()))).toFile(join(folder, "target")), ContentWriteError);
    expect(error.cause).toMatchObject({ code: "EISDIR" });
    expect(await files()).toEqual(["target"]);
  });

  test("twice at the same time into the same file gives one whole file", async () => {
    const path = join(folder, "target");
    await Promise.all([(await start(answering(whole()))).toFile(path), (await start(answering(whole()))).toFile(path)]);
    expect(await files()).toEqual(["target"]);
    expect((await readFile(path)).equals(BYTES)).toBe(true);
  });
});

describe("progress", () => {
  const STEP = 256 * 1024;
  const content = patterned(STEP * 3);
  const digest = digestOf(content);
  const pieces = [0, 1, 2].map((index) => content.subarray(index * STEP, (index + 1) * STEP));
  const follow = (registry: ScriptedRegistry, events: TransferProgress[]) =>
    clientOf(registry).downloadBlob("app", digest, { onProgress: (event) => events.push(event) });

  test.each(FORMS)("of %s goes up, and is complete only once the blob is verified", async (_, read) => {
    const events: TransferProgress[] = [];
    await read(await follow(answering(whole(Readable.from(pieces), content.byteLength)), events));
    expect(events.map(({ kind, loadedBytes }) => [kind, loadedBytes / STEP])).toEqual([
      ["started", 0],
      ["progress", 1],
      ["progress", 2],
      ["verified", 3],
    ]);
    expect(events.every(({ totalBytes }) => totalBytes === content.byteLength)).toBe(true);
  });

  test.each(FORMS)("of %s never says that a corrupt blob is there", async (_, read) => {
    const events: TransferProgress[] = [];
    const download = await follow(
      answering(whole(patterned(content.byteLength + 1).subarray(1), content.byteLength)),
      events,
    );
    await failureOf(read(download), DigestMismatchError);
    expect(events.map(({ kind }) => kind)).not.toContain("verified");
  });

  test.each(FORMS)("of %s tells of a drop, and takes nothing back that is there", async (_, read) => {
    const events: TransferProgress[] = [];
    const registry = answering(
      whole(cutAfter(content.subarray(0, STEP)), content.byteLength),
      whole(Readable.from(pieces), content.byteLength),
    );
    await read(await follow(registry, events));
    expect(events.map(({ kind, loadedBytes }) => [kind, loadedBytes / STEP])).toEqual([
      ["started", 0],
      ["progress", 1],
      ["retrying", 1],
      ["progress", 2],
      ["verified", 3],
    ]);
  });

  test.each(FORMS)("of %s that throws ends the download with what it threw", async (_, read) => {
    const own = new Error("the caller's own");
    const body = Readable.from(pieces);
    const download = await clientOf(answering(whole(body, content.byteLength))).downloadBlob("app", digest, {
      onProgress: ({ kind }) => {
        if (kind === "progress") throw own;
      },
    });
    expect(await failureOf(read(download), Error)).toBe(own);
    expect(body.destroyed).toBe(true);
    expect(await readdir(folder)).toEqual([]);
  });
});
