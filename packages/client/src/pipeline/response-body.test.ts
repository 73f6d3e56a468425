import { Readable } from "node:stream";
import { LimitError } from "@acrkit/oci";
import { createHttpHeaders, createPipelineRequest, type PipelineResponse } from "@azure/core-rest-pipeline";
import { describe, expect, test } from "vitest";
import { failureOf } from "../testing/client.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import { discardBody, readBody, readText } from "./response-body.ts";

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
