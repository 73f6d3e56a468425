import { describe, expect, it } from "vitest";
import { createClock } from "./clock.ts";

describe("a clock", () => {
  it("can be moved", () => {
    const clock = createClock(() => 1000);
    clock.advance(500);
    expect(clock.now()).toBe(1500);
  });

  it("may be off for who reads it, and stamps rightly all the same", () => {
    const clock = createClock(
      () => 1000,
      () => 5_000_000,
    );
    const read = [clock.now(), clock.recordNow(), clock.timestamp()];
    expect(read).toEqual([5_001_000, 1000, "1970-01-01T00:00:01.0000000Z"]);
  });

  it("goes back to its base when it is reset, with its stamps", () => {
    const clock = createClock(() => 1000);
    clock.advance(500);
    clock.timestamp();
    clock.advance(-200);
    clock.reset();
    expect([clock.now(), clock.timestamp()]).toEqual([1000, "1970-01-01T00:00:01.0000000Z"]);
  });

  it("stamps with seven digits, as the service does (3.2)", () => {
    expect(createClock(() => Date.UTC(2023, 1, 28, 18, 36, 40, 454)).timestamp()).toBe("2023-02-28T18:36:40.4540000Z");
  });

  it("never stamps the same twice, and sorts later stamps behind earlier ones", () => {
    const clock = createClock(() => 999.9999);
    const stamps = Array.from({ length: 20 }, () => clock.timestamp());
    expect(new Set(stamps).size).toBe(20);
    expect([...stamps].sort()).toEqual(stamps);
    expect(stamps[1]).toBe("1970-01-01T00:00:01.0000000Z");
  });

  it("stamps earlier when turned back", () => {
    const clock = createClock(() => 10_000);
    const before = clock.timestamp();
    clock.advance(-1000);
    expect(clock.timestamp() < before).toBe(true);
  });
});
