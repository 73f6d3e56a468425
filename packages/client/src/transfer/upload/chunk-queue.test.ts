import { concatBytes } from "@acrkit/oci";
import { expect, test } from "vitest";
import { patterned } from "../../testing/content.ts";
import { failOnUnhandled } from "../../testing/unhandled.ts";
import { ChunkQueue } from "./chunk-queue.ts";
import { toOpenable } from "./content.ts";
import { ContentReader } from "./content-reader.ts";

failOnUnhandled();

const bytes = patterned(25);
async function queueOf(pieces: readonly Uint8Array[]) {
  const reader = new ContentReader(
    await toOpenable(
      (async function* () {
        yield* pieces;
      })(),
    ),
  );
  return new ChunkQueue(reader);
}

test.each([1, 3, 10, 100])("chunks of ten, the last one marked, from pieces of %i", async (pieceBytes) => {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes));
  const queue = await queueOf(pieces);
  const seen: [number, number, boolean][] = [];
  for (;;) {
    const chunk = await queue.head(10, 0);
    if (chunk === undefined) break;
    queue.readAhead(10);
    seen.push([chunk.from, chunk.bytes.byteLength, chunk.isLast]);
    expect(Buffer.from(chunk.bytes).equals(bytes.subarray(chunk.from, chunk.from + chunk.bytes.byteLength))).toBe(true);
    queue.confirm(chunk.from + chunk.bytes.byteLength, true);
  }
  expect(seen).toEqual([
    [0, 10, false],
    [10, 10, false],
    [20, 5, true],
  ]);
});

test("a chunk that the registry has in part, or finds too large, is cut anew", async () => {
  const queue = await queueOf([bytes]);
  await queue.head(20, 0);
  queue.readAhead(20);
  expect(queue.holds(20)).toBe(true);
  expect(queue.holds(21)).toBe(false);
  queue.goOnFrom(4);
  expect(queue.holds(3)).toBe(false);
  const parts: Uint8Array[] = [];
  for (;;) {
    const chunk = await queue.head(8, 0);
    if (chunk === undefined) break;
    parts.push(chunk.bytes);
    queue.goOnFrom(chunk.from + chunk.bytes.byteLength);
  }
  expect(parts.map(({ byteLength }) => byteLength)).toEqual([8, 8, 5]);
  expect(concatBytes(parts)).toEqual(bytes.subarray(4));
});

test("the rest of a chunk that is less than the registry takes grows by the next", async () => {
  const queue = await queueOf([bytes]);
  await queue.head(10, 6);
  queue.goOnFrom(8);
  expect((await queue.head(10, 6))?.bytes.byteLength).toBe(10);
});

test("content that fails while it is read ahead is told to who asks for it, and nobody else", async () => {
  const reader = new ContentReader(
    await toOpenable(
      (async function* () {
        yield bytes;
        throw new Error("disk on fire");
      })(),
    ),
  );
  const queue = new ChunkQueue(reader);
  const chunk = await queue.head(20, 0);
  queue.readAhead(20);
  await new Promise(setImmediate);
  queue.goOnFrom(chunk?.bytes.byteLength ?? 0);
  await expect(queue.head(20, 0)).rejects.toThrow("disk on fire");
});

test("a buffer is used again once its chunk is confirmed, and never one of the content's", async () => {
  const content = patterned(60);
  const kept = content.slice();
  const pieces = [content.subarray(0, 20), ...[20, 30, 40, 50].map((at) => content.subarray(at, at + 10))];
  const queue = await queueOf(pieces);
  const buffers: ArrayBufferLike[] = [];
  for (let at = 0; at < 60; at += 20) {
    const chunk = await queue.head(20, 0);
    buffers.push(chunk?.bytes.buffer as ArrayBufferLike);
    expect(Buffer.from(chunk?.bytes ?? []).equals(kept.subarray(at, at + 20))).toBe(true);
    queue.confirm(at + 20, true);
  }
  expect(buffers[0]).toBe(content.buffer);
  expect(buffers[1]).not.toBe(content.buffer);
  expect(buffers[2]).toBe(buffers[1]);
  expect(content).toEqual(kept);
});
