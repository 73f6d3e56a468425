import { expect, test } from "vitest";
import { ProgressMeter, type TransferProgress } from "./progress.ts";

const STEP = 256 * 1024;

/** What a transfer of `totalBytes` tells while `act` happens to it. */
function told(totalBytes: number | undefined, act: (meter: ProgressMeter) => void): TransferProgress[] {
  const events: TransferProgress[] = [];
  act(new ProgressMeter((event) => events.push(event), totalBytes));
  return events;
}

test("many small pieces are told as few events, at the same bytes every time", () => {
  const total = 1024 * 1024 + 7;
  const events = told(total, (meter) => {
    meter.started();
    for (let at = 16_384; at < total; at += 16_384) meter.moved(at);
    meter.moved(total);
    meter.done("verified", total);
  });
  expect(events.map(({ kind, loadedBytes }) => [kind, loadedBytes])).toEqual([
    ["started", 0],
    ["progress", STEP],
    ["progress", 2 * STEP],
    ["progress", 3 * STEP],
    ["progress", 4 * STEP],
    ["verified", total],
  ]);
});

test("that everything has moved is not told until it is verified", () => {
  expect(told(STEP, (meter) => meter.moved(STEP))).toEqual([]);
});

test("content that does not know its size is told as it goes, and its size at the end", () => {
  const events = told(undefined, (meter) => {
    meter.moved(STEP);
    meter.done("verified", STEP);
  });
  expect(events).toEqual([
    { kind: "progress", loadedBytes: STEP, totalBytes: undefined },
    { kind: "verified", loadedBytes: STEP, totalBytes: STEP },
  ]);
});

test("after bytes were taken back, the next event comes a step beyond them", () => {
  const events = told(10 * STEP, (meter) => {
    meter.moved(3 * STEP);
    meter.retrying(10);
    meter.moved(STEP);
    meter.moved(STEP + 10);
  });
  expect(events.map(({ kind, loadedBytes }) => [kind, loadedBytes])).toEqual([
    ["progress", 3 * STEP],
    ["retrying", 10],
    ["progress", STEP + 10],
  ]);
});

test("says how far it has come, told or not", () => {
  const meter = new ProgressMeter(undefined, 100);
  expect(meter).toMatchObject({ hasStarted: false, loadedBytes: 0 });
  meter.started();
  meter.moved(70);
  expect(meter).toMatchObject({ hasStarted: true, loadedBytes: 70, totalBytes: 100 });
  meter.retrying(20);
  expect(meter.loadedBytes).toBe(20);
  meter.done("verified", 100);
  expect(meter.loadedBytes).toBe(100);
});

test("what the caller's function throws ends the transfer, and is kept as it is", () => {
  const failure = new RangeError("no terminal");
  const meter = new ProgressMeter(() => {
    throw failure;
  }, 100);
  expect(meter.callbackError).toBeUndefined();
  expect(() => meter.started()).toThrow(failure);
  expect(meter.callbackError?.error).toBe(failure);
});
