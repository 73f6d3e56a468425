import { describe, expect, test } from "vitest";
import { Pace } from "./pace.ts";

function pacedBy(limit: number) {
  const clock = { now: 1_000 };
  const pace = new Pace(limit, () => clock.now);
  const succeed = (count: number): void => {
    for (let done = 0; done < count; done++) pace.succeeded(pace.round);
  };
  return { clock, pace, succeed };
}

test("begins with all that is allowed, and without a pause", () => {
  const { pace } = pacedBy(8);
  expect(pace).toMatchObject({ limit: 8, allowed: 8, isThrottled: false, pauseInMs: 0 });
});

describe("a refusal", () => {
  test("halves what is allowed, down to one", () => {
    const { pace } = pacedBy(8);
    const seen = [1, 2, 3, 4, 5].map(() => {
      pace.throttled(pace.round, undefined);
      return pace.allowed;
    });
    expect(seen).toEqual([4, 2, 1, 1, 1]);
    expect(pace.isThrottled).toBe(true);
  });

  test("counts once for all requests that were sent before the last halving", () => {
    const { pace } = pacedBy(16);
    const sent = Array.from({ length: 10 }, () => pace.round);
    for (const round of sent) pace.throttled(round, undefined);
    expect(pace.allowed).toBe(8);
    pace.throttled(pace.round, undefined);
    expect(pace.allowed).toBe(4);
  });

  test("makes the pause that the registry asks for, the longest of them", () => {
    const { pace, clock } = pacedBy(8);
    pace.throttled(pace.round, 2_000);
    pace.throttled(0, 5_000);
    pace.throttled(0, 1_000);
    pace.throttled(0, undefined);
    expect(pace.pauseInMs).toBe(5_000);
    clock.now += 4_000;
    expect(pace.pauseInMs).toBe(1_000);
    clock.now += 4_000;
    expect(pace.pauseInMs).toBe(0);
  });

  test("makes no pause when the registry asks for more than five minutes", () => {
    const { pace } = pacedBy(8);
    pace.throttled(pace.round, 300_001);
    expect(pace).toMatchObject({ pauseInMs: 0, allowed: 4 });
    pace.throttled(pace.round, 300_000);
    expect(pace.pauseInMs).toBe(300_000);
  });
});

describe("success", () => {
  test("raises by one after ten round trips of what is allowed, up to the limit", () => {
    const { pace, succeed } = pacedBy(8);
    pace.throttled(pace.round, undefined);
    succeed(39);
    expect(pace.allowed).toBe(4);
    succeed(1);
    expect(pace.allowed).toBe(5);
    succeed(50);
    expect(pace.allowed).toBe(6);
    succeed(10_000);
    expect(pace).toMatchObject({ allowed: 8, isThrottled: false });
  });

  test("counts from the beginning after a refusal", () => {
    const { pace, succeed } = pacedBy(8);
    pace.throttled(pace.round, undefined);
    succeed(39);
    pace.throttled(pace.round, undefined);
    succeed(19);
    expect(pace.allowed).toBe(2);
    succeed(1);
    expect(pace.allowed).toBe(3);
  });

  test("of a request that was sent before the halving says nothing", () => {
    const { pace } = pacedBy(8);
    const before = pace.round;
    pace.throttled(before, undefined);
    for (let done = 0; done < 1_000; done++) pace.succeeded(before);
    expect(pace.allowed).toBe(4);
  });

  test("tells those who hold somebody back that more is allowed", () => {
    const { pace, succeed } = pacedBy(4);
    const seen: number[] = [];
    pace.onRaise(() => seen.push(pace.allowed));
    pace.throttled(pace.round, undefined);
    succeed(1_000);
    expect(seen).toEqual([3, 4]);
  });
});
