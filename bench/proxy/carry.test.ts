import { Readable, Writable } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { carry } from "./carry.ts";
import { Line } from "./line.ts";

const PIECE = Buffer.alloc(64 * 1024);
const PIECES = 1_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("a receiver that does not read makes the sender wait; once it reads, all of it comes", async () => {
  let read = 0;
  const from = new Readable({
    highWaterMark: PIECE.byteLength,
    read() {
      read++;
      this.push(read <= PIECES ? PIECE : null);
    },
  });
  let release = () => {};
  let isOpen = false;
  let arrived = 0;
  const to = new Writable({
    write(piece: Buffer, _encoding, done) {
      arrived += piece.byteLength;
      release = done;
      if (isOpen) done();
    },
  });
  carry(from, to, new Line({ roundTripMs: 50, bytesPerSecond: 100_000_000 }, 0));

  await vi.advanceTimersByTimeAsync(10_000);
  // 3.5 MB on the line, and as much again that had arrived before the receiver was seen to stand still.
  expect(read * PIECE.byteLength).toBeLessThan(8_000_000);
  expect(arrived).toBe(PIECE.byteLength);

  isOpen = true;
  release();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(arrived).toBe(PIECES * PIECE.byteLength);
  expect(to.writableFinished).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});
