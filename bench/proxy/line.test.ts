import { expect, test } from "vitest";
import { type Distance, Line } from "./line.ts";

const FAR: Distance = { roundTripMs: 50, bytesPerSecond: 100_000_000 };
const PIECE = new Uint8Array(64 * 1024);
const MS_OF_PIECE = PIECE.byteLength / 100_000;

test("a piece arrives half a round trip after it has left, and not before", () => {
  const line = new Line(FAR, 0);
  line.send(PIECE, 0);
  const arrival = 25 + MS_OF_PIECE;
  expect(line.nextArrival).toBeCloseTo(arrival);
  expect(line.take(arrival - 0.01)).toEqual([]);
  expect(line.take(arrival + 0.01)[0]).toBe(PIECE);
  expect(line.nextArrival).toBeUndefined();
});

test("pieces leave one after the other, and arrive in order", () => {
  const line = new Line(FAR, 0);
  const pieces = [1, 2, 3].map((fill) => new Uint8Array(1_000_000).fill(fill));
  for (const piece of pieces) line.send(piece, 0);
  const fills = (arrived: readonly Uint8Array[]) => arrived.map(([fill]) => fill);
  expect(fills(line.take(44.9))).toEqual([1]);
  expect(fills(line.take(1_000))).toEqual([2, 3]);
});

test("nothing leaves before the line is open", () => {
  const line = new Line(FAR, 50);
  line.send(PIECE, 0);
  expect(line.nextArrival).toBeCloseTo(50 + MS_OF_PIECE + 25);
});

test("an idle line is not paid back", () => {
  const line = new Line(FAR, 0);
  line.send(PIECE, 10_000);
  line.send(PIECE, 10_000);
  // Two pieces take less than what may be caught up on.
  expect(line.take(10_025)).toHaveLength(2);
  for (let index = 0; index < 1_000; index++) line.send(PIECE, 10_025);
  expect(line.take(10_050 + 500)).toHaveLength(Math.floor((500 + 10) / MS_OF_PIECE));
});

test.each([0.5, 1, 7])(
  "a sender that waits gets the line's rate and holds no more than what travels: every %s ms",
  (step) => {
    const line = new Line(FAR, 0);
    const seconds = 2;
    let arrived = 0;
    let most = 0;
    for (let now = 0; now <= seconds * 1_000; now += step) {
      for (const piece of line.take(now)) arrived += piece.byteLength;
      while (!line.isFull) line.send(PIECE, now);
      most = Math.max(most, line.heldBytes);
    }
    // The first bytes take 25 ms; what was sent within the first 10 ms may have left at once.
    const rate = arrived / (seconds - 0.025);
    expect(rate).toBeGreaterThan(0.97 * FAR.bytesPerSecond);
    expect(rate).toBeLessThan(1.01 * FAR.bytesPerSecond);
    expect(most).toBeLessThan(3_500_000 + PIECE.byteLength);
  },
);

test("a sender that is late by a few milliseconds now and then loses nothing", () => {
  const line = new Line(FAR, 0);
  let sent = 0;
  let now = 0;
  for (let index = 0; index < 1_000; index++) {
    now = index * MS_OF_PIECE + (index % 50 === 49 ? 8 : 0);
    line.send(PIECE, now);
    sent += PIECE.byteLength;
    if (index < 999) line.take(now);
  }
  const wire = sent / (FAR.bytesPerSecond / 1_000);
  let last = 0;
  for (let arrival = line.nextArrival; arrival !== undefined; arrival = line.nextArrival) {
    last = arrival;
    line.take(arrival);
  }
  expect(last).toBeLessThan(wire + 25 + 8 + 1);
});
