import { expect, test } from "vitest";
import { Segments } from "./segments.ts";

test.each([
  [0, []],
  [1, [[0, 1]]],
  [10, [[0, 10]]],
  [
    11,
    [
      [0, 10],
      [10, 11],
    ],
  ],
])("%i bytes are cut without a gap", (sizeInBytes, expected) => {
  const segments = new Segments(sizeInBytes, 10);
  const ranges = Array.from({ length: segments.count }, (_, index) => segments.rangeOf(index));
  expect(ranges.map(({ from, end }) => [from, end])).toEqual(expected);
});

test("they are handed out from the front, each once", () => {
  const segments = new Segments(40, 10);
  segments.take(1);
  expect([0, 1, 2, 3].map(() => segments.takeFirst())).toEqual([0, 2, 3, undefined]);
});

test("one that is given back is handed out again, before those behind it", () => {
  const segments = new Segments(40, 10);
  for (let count = 0; count < 3; count++) segments.takeFirst();
  segments.release(1);
  expect([segments.takeFirst(), segments.takeFirst()]).toEqual([1, 3]);
});

test("all are done once each is", () => {
  const segments = new Segments(20, 10);
  for (const index of [1, 0]) {
    expect(segments.areAllDone).toBe(false);
    segments.take(index);
    segments.finish(index);
  }
  expect(segments.areAllDone).toBe(true);
});

test.each(["finish", "release"] as const)("whoever waits for one is told when it is settled (%s)", async (how) => {
  const segments = new Segments(20, 10);
  segments.take(0);
  const waiting = Promise.all([segments.settled(0), segments.settled(0)]);
  segments[how](0);
  await waiting;
  expect(segments.stateOf(0)).toBe(how === "finish" ? "done" : "free");
});

test("a size that a server only claims costs nothing", () => {
  const segments = new Segments(Number.MAX_SAFE_INTEGER, 1);
  expect([segments.takeFirst(), segments.stateOf(0), segments.stateOf(segments.count - 1)]).toEqual([
    0,
    "taken",
    "free",
  ]);
});

test("whoever waits is told when all are given up", async () => {
  const segments = new Segments(20, 10);
  segments.take(1);
  const settled = segments.settled(1);
  segments.giveUp();
  await settled;
  expect(segments.stateOf(1)).toBe("taken");
}, 1_000);
