import { describe, expect, test } from "vitest";
import type { TransferEventKind, TransferProgress } from "./progress.ts";
import { type NamedTransferProgress, TotalProgress, type TransferTotals } from "./total-progress.ts";

const event = (kind: TransferEventKind, loadedBytes: number, totalBytes?: number): TransferProgress => ({
  kind,
  loadedBytes,
  totalBytes,
});

function recorded() {
  const seen: (TransferTotals & NamedTransferProgress)[] = [];
  const total = new TotalProgress((totals, last) => seen.push({ ...totals, ...last }));
  return { seen, total };
}

test("adds up what its transfers say, and says which one it was", () => {
  const { seen, total } = recorded();
  const a = total.add("a");
  const b = total.add("b");
  a(event("started", 0, 100));
  b(event("started", 0, 50));
  a(event("progress", 60, 100));
  b(event("verified", 50, 50));
  a(event("verified", 100, 100));
  expect(seen.map(({ name, finished, loadedBytes, totalBytes }) => [name, finished, loadedBytes, totalBytes])).toEqual([
    ["a", 0, 0, undefined],
    ["b", 0, 0, 150],
    ["a", 0, 60, 150],
    ["b", 1, 110, 150],
    ["a", 2, 150, 150],
  ]);
  expect(seen[2]?.progress).toEqual(event("progress", 60, 100));
  expect(total.totals).toEqual({ transfers: 2, finished: 2, loadedBytes: 150, totalBytes: 150 });
});

test("the total is known at once where sizes are known beforehand", () => {
  const { seen, total } = recorded();
  const a = total.add("a", 100);
  total.add("b", 50);
  a(event("started", 0));
  expect(seen[0]).toMatchObject({ transfers: 2, totalBytes: 150 });
});

test("the total is unknown for as long as one size is, and right once that is finished", () => {
  const { total } = recorded();
  const a = total.add("a", 100);
  const b = total.add("b");
  b(event("progress", 30));
  expect(total.totals).toMatchObject({ loadedBytes: 30, totalBytes: undefined });
  b(event("verified", 40, 40));
  a(event("verified", 100, 100));
  expect(total.totals).toMatchObject({ loadedBytes: 140, totalBytes: 140, finished: 2 });
});

test("a retry takes bytes back", () => {
  const { total } = recorded();
  const a = total.add("a", 100);
  const b = total.add("b", 100);
  b(event("progress", 40, 100));
  a(event("progress", 80, 100));
  a(event("retrying", 10, 100));
  expect(total.totals.loadedBytes).toBe(50);
});

test.each(["skipped", "mounted", "verified"] as const)("one that is %s counts whole", (kind) => {
  const { total } = recorded();
  total.add("a", 100)(event(kind, 100, 100));
  total.add("b", 10);
  expect(total.totals).toEqual({ transfers: 2, finished: 1, loadedBytes: 100, totalBytes: 110 });
});

describe("all bytes are claimed only once every transfer is done", () => {
  test("though all of them have moved", () => {
    const { total } = recorded();
    const a = total.add("a", 100);
    a(event("retrying", 100, 100));
    expect(total.totals).toMatchObject({ loadedBytes: 99, totalBytes: 100 });
    a(event("verified", 100, 100));
    expect(total.totals.loadedBytes).toBe(100);
  });

  test("though what is left is an empty blob", () => {
    const { total } = recorded();
    const empty = total.add("empty", 0);
    expect(total.totals.loadedBytes).toBe(0);
    total.add("a", 100)(event("verified", 100, 100));
    expect(total.totals.loadedBytes).toBe(99);
    empty(event("verified", 0, 0));
    expect(total.totals.loadedBytes).toBe(100);
  });
});

describe("a transfer that failed", () => {
  test("is left out, whatever it still says", () => {
    const { seen, total } = recorded();
    const a = total.add("a", 100);
    total.add("b", 50)(event("verified", 50, 50));
    a(event("progress", 70, 100));
    total.forget("a");
    total.forget("a");
    a(event("progress", 80, 100));
    expect(seen).toHaveLength(2);
    expect(total.totals).toEqual({ transfers: 1, finished: 1, loadedBytes: 50, totalBytes: 50 });
  });

  test("begins again under its name", () => {
    const { total } = recorded();
    const first = total.add("a", 100);
    first(event("progress", 70, 100));
    const second = total.add("a", 100);
    first(event("progress", 80, 100));
    expect(total.totals).toMatchObject({ transfers: 1, loadedBytes: 0 });
    second(event("verified", 100, 100));
    expect(total.totals).toEqual({ transfers: 1, finished: 1, loadedBytes: 100, totalBytes: 100 });
  });
});

test("what the function throws comes out of the transfer's own, to end it", () => {
  const total = new TotalProgress(() => {
    throw new RangeError("no terminal");
  });
  expect(() => total.add("a")(event("started", 0))).toThrow("no terminal");
});
