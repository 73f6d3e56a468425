import { expect, test } from "vitest";
import { ClockSkew } from "./clock-skew.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");

test.each([
  ["Thu, 01 Jan 2026 02:00:00 GMT", 7_200_000],
  ["Wed, 31 Dec 2025 22:00:00 GMT", -7_200_000],
  ["Thu, 01 Jan 2026 00:00:20 GMT", 0],
  ["yesterday", 0],
  ["", 0],
  [undefined, 0],
])("an answer's Date of %j makes it %i ms", (date, expected) => {
  const skew = new ClockSkew();
  skew.learn(date, NOW);
  expect(skew.offsetMs).toBe(expected);
});

test("the last answer counts, and one that says nothing changes nothing", () => {
  const skew = new ClockSkew();
  skew.learn("Thu, 01 Jan 2026 02:00:00 GMT", NOW);
  skew.learn(undefined, NOW);
  expect(skew.offsetMs).toBe(7_200_000);
  skew.learn("Thu, 01 Jan 2026 00:00:01 GMT", NOW);
  expect(skew.offsetMs).toBe(0);
});
