import { expect, test } from "vitest";
import { BodyLimits } from "./body-limits.ts";

const MEBIBYTE = 1024 * 1024;

test("begins with streams, and chunks of sixteen mebibytes", () => {
  expect(new BodyLimits()).toMatchObject({ takesStreams: true, chunkBytes: 16 * MEBIBYTE });
});

test("steps down below what was refused, to one mebibyte", () => {
  const limits = new BodyLimits();
  const seen: number[] = [];
  while (limits.refused(limits.chunkBytes, { streamed: false })) seen.push(limits.chunkBytes / MEBIBYTE);
  expect(seen).toEqual([8, 4, 1]);
  expect(limits.takesStreams).toBe(true);
});

test.each([
  [undefined, 16],
  [100 * MEBIBYTE, 16],
  [16 * MEBIBYTE, 8],
  [3 * MEBIBYTE, 1],
])("a stream of %o bytes that was refused means chunks of %i mebibytes", (sizeInBytes, expected) => {
  const limits = new BodyLimits();
  expect(limits.refused(sizeInBytes, { streamed: true })).toBe(true);
  expect(limits).toMatchObject({ takesStreams: false, chunkBytes: expected * MEBIBYTE });
});

test("a body of a mebibyte or less is refused for another reason", () => {
  const limits = new BodyLimits();
  expect(limits.refused(MEBIBYTE, { streamed: true })).toBe(false);
  expect(limits).toMatchObject({ takesStreams: true, chunkBytes: 16 * MEBIBYTE });
});

test("what was learnt is not forgotten for a larger body", () => {
  const limits = new BodyLimits();
  limits.refused(4 * MEBIBYTE, { streamed: false });
  limits.refused(undefined, { streamed: true });
  expect(limits.chunkBytes).toBe(MEBIBYTE);
});
