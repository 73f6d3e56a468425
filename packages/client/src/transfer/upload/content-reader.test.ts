import { concatBytes, digestOf } from "@acrkit/oci";
import { describe, expect, test } from "vitest";
import { patterned } from "../../testing/content.ts";
import { failOnUnhandled } from "../../testing/unhandled.ts";
import { type BlobContent, toOpenable } from "./content.ts";
import { ContentReader } from "./content-reader.ts";
import { KEPT_BYTES } from "./strategy.ts";

failOnUnhandled();

const bytes = patterned(100);
const inPieces = (source: Uint8Array, size: number) =>
  async function* () {
    for (let at = 0; at < source.byteLength; at += size) yield source.subarray(at, at + size);
  };
const readerOf = async (content: BlobContent) => new ContentReader(await toOpenable(content));

async function rest(reader: ContentReader, maxBytes?: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const piece = await reader.next(maxBytes);
    if (piece === undefined) return concatBytes(pieces);
    pieces.push(piece);
  }
}

const KINDS: [string, () => BlobContent][] = [
  ["bytes", () => bytes],
  ["a Blob", () => new Blob([bytes.slice()])],
  ["a function", () => inPieces(bytes, 7)],
  ["a stream", () => inPieces(bytes, 7)()],
];

test.each(KINDS)("%s: every way to and fro gives the bytes from there on, and the digest of all", async (_, make) => {
  for (const [read, back] of [
    [1, 0],
    [50, 13],
    [50, 50],
    [100, 0],
    [100, 99],
    [100, 100],
  ] as const) {
    const reader = await readerOf(make());
    await reader.skipTo(read);
    expect(reader.canGoBackTo(back)).toBe(true);
    reader.goBackTo(back);
    expect(Buffer.from(await rest(reader, 9)).equals(bytes.subarray(back))).toBe(true);
    expect([reader.digest(), reader.hashedBytes, reader.sizeInBytes]).toEqual([digestOf(bytes), 100, 100]);
    await reader.close();
  }
});

test.each(KINDS)("%s can be looked at ahead, without taking anything", async (_, make) => {
  const reader = await readerOf(make());
  expect(await reader.isWithin(99)).toBe(false);
  expect(await reader.isWithin(100)).toBe(true);
  expect(reader.position).toBe(0);
  expect(await rest(reader)).toEqual(bytes);
});

test("pieces are passed on as they came, not copied", async () => {
  const piece = patterned(5);
  const reader = await readerOf(
    (async function* () {
      yield piece;
    })(),
  );
  expect(await reader.next()).toBe(piece);
});

test("of a stream, the last pieces are kept and no more", async () => {
  const piece = patterned(1024 * 1024);
  const reader = await readerOf(
    (async function* () {
      for (let count = 0; count < 40; count++) yield piece;
    })(),
  );
  const end = 40 * piece.byteLength;
  await reader.skipTo(end);
  expect(reader.canGoBackTo(end - KEPT_BYTES)).toBe(true);
  expect(reader.canGoBackTo(end - KEPT_BYTES - piece.byteLength)).toBe(false);
  expect(reader.canGoBackTo(0)).toBe(false);
});

test("nobody can go to where nothing has been read", async () => {
  const reader = await readerOf(bytes);
  await reader.skipTo(50);
  expect(reader.canGoBackTo(101)).toBe(false);
});

describe("content that is another when it is opened again", () => {
  const changing = (first: Uint8Array, second: Uint8Array) => {
    let opened = 0;
    return () => inPieces(opened++ === 0 ? first : second, 10)();
  };

  test.each([
    ["shorter", patterned(90), /only 90 bytes, where it had 100/],
    ["longer", patterned(110), /more than 100 bytes, where it had 100/],
    ["shorter than where it goes on", patterned(30), /earlier than when it was read the first time/],
  ])("%s, is an error", async (_, second, message) => {
    const reader = await readerOf(changing(bytes, second));
    await rest(reader);
    reader.digest();
    reader.goBackTo(50);
    await expect(rest(reader)).rejects.toThrow(message);
  });

  test("is hashed as what it is now when everything begins anew", async () => {
    const second = patterned(100).map((byte) => byte ^ 1);
    const reader = await readerOf(changing(bytes, second));
    await rest(reader);
    reader.restart();
    expect(await rest(reader)).toEqual(second);
    expect(reader.digest()).toBe(digestOf(second));
  });
});

test("who waits for bytes while it goes back gets none, and none are lost", async () => {
  let go = () => {};
  const reader = await readerOf(
    (async function* () {
      yield bytes.subarray(0, 40);
      await new Promise<void>((resolve) => (go = resolve));
      yield bytes.subarray(40);
    })(),
  );
  await reader.next();
  const waiting = reader.next();
  reader.goBackTo(10);
  await new Promise(setImmediate);
  go();
  expect(await waiting).toBeUndefined();
  expect(Buffer.from(await rest(reader)).equals(bytes.subarray(10))).toBe(true);
});

test("a source that has failed goes on failing, and is not taken for one that has ended", async () => {
  const reader = await readerOf(
    (async function* () {
      yield bytes;
      throw new Error("disk on fire");
    })(),
  );
  await reader.next();
  await expect(reader.next()).rejects.toThrow("disk on fire");
  await expect(reader.next()).rejects.toThrow("disk on fire");
  expect(reader.canGoBackTo(0)).toBe(false);
});

test("closing does not wait for a source that stands still", async () => {
  const reader = await readerOf(
    (async function* (): AsyncGenerator<Uint8Array> {
      await new Promise(() => {});
    })(),
  );
  reader.next().catch(() => {});
  await new Promise(setImmediate);
  await reader.close();
}, 5_000);

test("closing closes the source, opened or not", async () => {
  for (const reads of [0, 1]) {
    let isClosed = false;
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(bytes),
      cancel: () => {
        isClosed = true;
      },
    });
    const reader = await readerOf(source);
    for (let count = 0; count < reads; count++) await reader.next();
    await reader.close();
    expect(isClosed).toBe(true);
  }
});
