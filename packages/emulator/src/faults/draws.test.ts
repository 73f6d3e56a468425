import { describe, expect, it } from "vitest";
import { createDraws, drawFault } from "./draws.ts";

describe("draws", () => {
  const series = (seed: number, key: string) => {
    const draws = createDraws(seed, key);
    return Array.from({ length: 20 }, () => draws.between(0, 1_000_000));
  };

  it("repeat themselves for the same seed and key, and for no other", () => {
    expect(series(1, "a")).toEqual(series(1, "a"));
    expect(series(1, "a")).not.toEqual(series(2, "a"));
    expect(series(1, "a")).not.toEqual(series(1, "b"));
  });

  it("reach both ends of a range and nothing beyond", () => {
    const draws = createDraws(3, "ends");
    const seen = new Set(Array.from({ length: 500 }, () => draws.between(-2, 2)));
    expect([...seen].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2]);
    expect(draws.between(7, 7)).toBe(7);
  });

  it("are spread evenly", () => {
    const draws = createDraws(4, "mean");
    const sum = Array.from({ length: 2_000 }, () => draws.fraction()).reduce((a, b) => a + b, 0);
    expect(sum / 2_000).toBeCloseTo(0.5, 1);
  });

  it("put numbers in the place of a fault's ranges, and leave the rest as it is", () => {
    const fault = { kind: "truncate-response", after: { from: 10, to: 20 }, contentLength: "adjusted" } as const;
    const drawn = drawFault(fault, createDraws(5, "fault"));
    expect(drawn).toEqual({ kind: "truncate-response", after: expect.any(Number), contentLength: "adjusted" });
    expect(drawFault({ kind: "cut-request" }, createDraws(5, ""))).toEqual({ kind: "cut-request" });
  });
});
