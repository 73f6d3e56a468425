import { concatBytes } from "@acrkit/oci";
import { expect, test } from "vitest";
import { patterned } from "../../testing/content.ts";
import { failOnUnhandled } from "../../testing/unhandled.ts";
import { ChunkReader } from "./chunks.ts";

failOnUnhandled();

async function* source(...parts: readonly Uint8Array[]) {
  yield* parts;
}

/** The chunks of a source, each as the pieces it came in. */
async function chunksOf(parts: readonly Uint8Array[], maxBytes: number): Promise<Uint8Array[][]> {
  const reader = new ChunkReader(source(...parts));
  const chunks: Uint8Array[][] = [];
  while (await reader.hasMore()) {
    const pieces: Uint8Array[] = [];
    for await (const piece of reader.chunk(maxBytes)) pieces.push(piece);
    chunks.push(pieces);
  }
  return chunks;
}

const sizes = (chunks: Uint8Array[][]) =>
  chunks.map((pieces) => pieces.reduce((sum, piece) => sum + piece.byteLength, 0));

test.each([
  [0, []],
  [1, [1]],
  [9, [9]],
  [10, [10]],
  [11, [10, 1]],
  [19, [10, 9]],
  [20, [10, 10]],
  [21, [10, 10, 1]],
])("%i bytes in chunks of ten", async (total, expected) => {
  const bytes = patterned(total);
  for (const pieceSize of [1, 3, 10, 100]) {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < total; at += pieceSize) pieces.push(bytes.subarray(at, at + pieceSize));
    const chunks = await chunksOf(pieces, 10);
    expect(sizes(chunks)).toEqual(expected);
    expect(concatBytes(chunks.flat())).toEqual(bytes);
  }
});

test("pieces without a byte begin no chunk", async () => {
  const empty = new Uint8Array();
  expect(sizes(await chunksOf([empty, empty], 10))).toEqual([]);
  expect(sizes(await chunksOf([empty, patterned(10), empty], 10))).toEqual([10]);
});

test("a piece that fits is passed on, not copied", async () => {
  const piece = patterned(5);
  expect((await chunksOf([piece], 10))[0]?.[0]).toBe(piece);
});

test("a chunk in memory is the same", async () => {
  const bytes = patterned(25);
  const reader = new ChunkReader(source(bytes.subarray(0, 7), bytes.subarray(7)));
  const chunks: Uint8Array[] = [];
  while (await reader.hasMore()) chunks.push(await reader.chunkInMemory(10));
  expect(chunks.map(({ byteLength }) => byteLength)).toEqual([10, 10, 5]);
  expect(concatBytes(chunks)).toEqual(bytes);
});

test("closing closes the source", async () => {
  let isClosed = false;
  const reader = new ChunkReader(
    (async function* () {
      try {
        yield patterned(1);
        yield patterned(1);
      } finally {
        isClosed = true;
      }
    })(),
  );
  await reader.hasMore();
  await reader.close();
  expect(isClosed).toBe(true);
});

test("closing does not wait for a source that stands still", async () => {
  const reader = new ChunkReader(
    (async function* (): AsyncGenerator<Uint8Array> {
      await new Promise(() => {});
    })(),
  );
  reader.hasMore().catch(() => {});
  await reader.close();
}, 5_000);

test("a source that fails fails the reader", async () => {
  const reader = new ChunkReader(
    (async function* () {
      yield patterned(1);
      throw new Error("disk on fire");
    })(),
  );
  expect(await reader.hasMore()).toBe(true);
  const read = async () => {
    for await (const _ of reader.chunk(10));
  };
  await expect(read()).rejects.toThrow("disk on fire");
  await reader.close();
});
