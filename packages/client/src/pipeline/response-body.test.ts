import { Readable } from "node:stream";
import { LimitError } from "@acrkit/oci";
import { createHttpHeaders, createPipelineRequest, type PipelineResponse, RestError } from "@azure/core-rest-pipeline";
import { describe, expect, test } from "vitest";
import { failureOf } from "../testing/client.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import { closeBody, discardBody, openBody, readBody, readText } from "./response-body.ts";

failOnUnhandled();

const responseWith = (body: Partial<PipelineResponse>): PipelineResponse => ({
  request: createPipelineRequest({ url: "https://registry.example/" }),
  status: 200,
  headers: createHttpHeaders(),
  ...body,
});
const PARTS = [Buffer.from("hel"), Buffer.from("lo")];
const readAll = (response: PipelineResponse) =>
  readText(response, { maxBytes: 100, idleTimeoutInMs: 1_000, what: "it" });

test.each([
  ["a Node stream", () => responseWith({ readableStreamBody: Readable.from(PARTS) })],
  ["a web stream", () => responseWith({ browserStreamBody: ReadableStream.from(PARTS) as never })],
  ["a text", () => responseWith({ bodyAsText: "hello" })],
])("%s is read", async (_, response) => {
  expect(await readAll(response())).toBe("hello");
});

test("no body at all is empty", async () => {
  expect(await readAll(responseWith({}))).toBe("");
  expect(await readAll(responseWith({ bodyAsText: "" }))).toBe("");
});

describe("leaving the loop early", () => {
  test("closes a Node stream", async () => {
    const stream = Readable.from(PARTS);
    for await (const _ of readBody(responseWith({ readableStreamBody: stream }), { idleTimeoutInMs: 1_000 })) break;
    expect(stream.destroyed).toBe(true);
  });

  test("cancels a web stream", async () => {
    let isCancelled = false;
    const stream = new ReadableStream({
      pull: (controller) => controller.enqueue(PARTS[0]),
      cancel: () => {
        isCancelled = true;
      },
    });
    for await (const _ of readBody(responseWith({ browserStreamBody: stream as never }), { idleTimeoutInMs: 1_000 }))
      break;
    expect(isCancelled).toBe(true);
  });
});

test("a text that is too long is cut off, and the stream closed", async () => {
  const stream = Readable.from(Array(100).fill(Buffer.alloc(10)));
  await failureOf(readAll(responseWith({ readableStreamBody: stream })), LimitError);
  expect(stream.destroyed).toBe(true);
});

test.each([
  ["a Node stream", () => responseWith({ readableStreamBody: new Readable({ read() {} }) })],
  ["a web stream", () => responseWith({ browserStreamBody: new ReadableStream() as never })],
])("%s that stands still fails by the idle timeout", async (_, response) => {
  const read = readText(response(), { maxBytes: 100, idleTimeoutInMs: 5, what: "it" });
  await expect(read).rejects.toMatchObject({
    code: "IDLE_TIMEOUT",
    message: "the answer stopped: next to nothing came for 5 ms",
  });
});

describe("discardBody", () => {
  test("reads a short rest to its end, for the connection's sake", async () => {
    const stream = Readable.from(PARTS);
    await discardBody(responseWith({ readableStreamBody: stream }));
    expect(stream.readableEnded).toBe(true);
  });

  test("cuts a long one off", async () => {
    let read = 0;
    const stream = Readable.from(
      (function* () {
        for (; read < 1_000; read++) yield Buffer.alloc(16_384);
      })(),
    );
    await discardBody(responseWith({ readableStreamBody: stream }));
    expect(stream.destroyed).toBe(true);
    expect(read).toBeLessThan(100);
  });

  test("never fails", async () => {
    const stream = new Readable({ read: () => void stream.destroy(new Error("cut")) });
    await discardBody(responseWith({ readableStreamBody: stream }));
  });
});

describe("a web stream", () => {
  test("whose connection breaks fails as one of Node does: fetch has a TypeError without a code for it", async () => {
    const stream = new ReadableStream({
      pull: (controller) => controller.error(new TypeError("network error")),
    });
    const error = await failureOf(readAll(responseWith({ browserStreamBody: stream as never })), RestError);
    expect(error.code).toBe("REQUEST_SEND_ERROR");
    expect(error.message).toContain("network error");
  });

  test("is closed while it is read, and after it was", async () => {
    let isCancelled = false;
    const stream = new ReadableStream({
      cancel: () => {
        isCancelled = true;
      },
    });
    const response = responseWith({ browserStreamBody: stream as never });
    const reading = readBody(response, { idleTimeoutInMs: 60_000 }).next();
    closeBody(response);
    expect(await reading).toEqual({ done: true, value: undefined });
    expect(isCancelled).toBe(true);
    await discardBody(response);
    closeBody(response);
  });
});

describe("a body that is read by asking", () => {
  const open = (stream: Readable) => openBody(responseWith({ readableStreamBody: stream }), { idleTimeoutInMs: 1_000 });

  test("does not flow before it is asked", async () => {
    let read = 0;
    const stream = new Readable({
      read: () => void stream.push(++read > 3 ? null : Buffer.from("x")),
      highWaterMark: 1,
    });
    const body = open(stream);
    await new Promise(setImmediate);
    expect(read).toBe(0);
    body.close();
    expect(stream.destroyed).toBe(true);
  });

  test("flows no further than a little ahead of its reader", async () => {
    let read = 0;
    const stream = new Readable({ read: () => void stream.push(++read > 1_000 ? null : Buffer.alloc(16_384)) });
    const body = open(stream);
    expect((await body.read())?.byteLength).toBe(16_384);
    await new Promise(setImmediate);
    expect(read).toBeLessThan(30);
    let pieces = 1;
    while ((await body.read()) !== undefined) pieces++;
    expect(pieces).toBe(1_000);
  });

  test.each([
    ["before it is read", 0],
    ["while it is read", 1],
  ])("and is destroyed without a reason %s fails all the same", async (_, reads) => {
    const stream = new Readable({ read() {} });
    const body = open(stream);
    if (reads > 0) {
      stream.push(Buffer.from("x"));
      await body.read();
    }
    stream.destroy();
    await expect(body.read()).rejects.toMatchObject({ code: "ERR_STREAM_PREMATURE_CLOSE" });
    expect(await body.read()).toBeUndefined();
  });

  test("and fails gives what came before", async () => {
    const stream = new Readable({ read() {} });
    const body = open(stream);
    const first = body.read();
    stream.push(Buffer.from("a"));
    await first;
    stream.push(Buffer.from("b"));
    await new Promise(setImmediate);
    stream.destroy(new Error("cut"));
    await new Promise(setImmediate);
    expect(Buffer.from((await body.read()) as Uint8Array).toString()).toBe("b");
    await expect(body.read()).rejects.toThrow("cut");
  });

  test("and is closed while somebody waits lets go of them", async () => {
    const stream = new Readable({ read() {} });
    const body = open(stream);
    const waiting = body.read();
    body.close();
    expect(await waiting).toBeUndefined();
    expect(stream.destroyed).toBe(true);
  });
});

describe("a body that fills buffers", () => {
  const CONTENT = Buffer.from("0123456789abcdefghijklmnopqrstuvwxyz");
  const cut = (size: number) =>
    Array.from({ length: Math.ceil(CONTENT.length / size) }, (_, index) =>
      CONTENT.subarray(index * size, (index + 1) * size),
    );
  const fill = async (response: PipelineResponse, size: number) => {
    const body = openBody(response, { idleTimeoutInMs: 1_000 });
    const sizes: number[] = [];
    let text = "";
    for (;;) {
      const into = new Uint8Array(size);
      const got = await body.readInto(into);
      if (got === 0) return { text, sizes };
      sizes.push(got);
      text += Buffer.from(into.subarray(0, got)).toString();
    }
  };

  test.each([1, 3, 7, 12, 36, 100])("gives all of it, %i bytes at a time", async (size) => {
    for (const piece of [1, 5, 12, 36]) {
      const node = await fill(responseWith({ readableStreamBody: Readable.from(cut(piece)) }), size);
      expect(node.text).toBe(CONTENT.toString());
      // Whole buffers but for the last.
      expect(node.sizes.slice(0, -1).every((got) => got === size)).toBe(true);
      const web = responseWith({ browserStreamBody: ReadableStream.from(cut(piece)) as never });
      expect((await fill(web, size)).text).toBe(CONTENT.toString());
    }
    expect((await fill(responseWith({ bodyAsText: CONTENT.toString() }), size)).text).toBe(CONTENT.toString());
  });

  test("gives what had come before it fails, and then fails", async () => {
    const stream = new Readable({ read() {} });
    const body = openBody(responseWith({ readableStreamBody: stream }), { idleTimeoutInMs: 1_000 });
    const filling = body.readInto(new Uint8Array(10));
    stream.push(Buffer.from("abc"));
    await new Promise(setImmediate);
    stream.destroy(new Error("cut"));
    expect(await filling).toBe(3);
    await expect(body.readInto(new Uint8Array(10))).rejects.toThrow("cut");
  });

  test("and is closed while somebody waits lets go of them", async () => {
    const body = openBody(responseWith({ readableStreamBody: new Readable({ read() {} }) }), {
      idleTimeoutInMs: 1_000,
    });
    const waiting = body.readInto(new Uint8Array(10));
    body.close();
    expect(await waiting).toBe(0);
  });

  test("and stands still in the middle of one fails by the idle timeout", async () => {
    const stream = new Readable({ read() {} });
    const body = openBody(responseWith({ readableStreamBody: stream }), { idleTimeoutInMs: 5 });
    stream.push(Buffer.from("abc"));
    expect(await body.readInto(new Uint8Array(10))).toBe(3);
    await expect(body.readInto(new Uint8Array(10))).rejects.toMatchObject({ code: "IDLE_TIMEOUT" });
  });

  test("leaves memory alone that may be somebody's", async () => {
    const own = new Uint8Array([1, 2, 3]);
    const alone = { socket: { _handle: {} } };
    for (const [stream, isFreed] of [
      [Readable.from([own]), false],
      [Object.assign(Readable.from([own]), alone).on("data", () => {}), false],
      [Object.assign(Readable.from([own.subarray(1)]), alone), false],
      [Object.assign(Readable.from([own]), alone), true],
    ] as const) {
      const body = openBody(responseWith({ readableStreamBody: stream }), { idleTimeoutInMs: 1_000 });
      while ((await body.readInto(new Uint8Array(3))) > 0);
      expect(own.buffer.detached).toBe(isFreed);
    }
  });
});
