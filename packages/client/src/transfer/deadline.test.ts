import { InvalidInputError } from "@acrkit/oci";
import { AbortError } from "@azure/abort-controller";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isRegistryError, TransferTimeoutError } from "../errors/registry-error.ts";
import { orAborted } from "../pipeline/abort-signal.ts";
import { abortOf, failureOf } from "../testing/client.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import { Deadline, withDeadline } from "./deadline.ts";
import { ProgressMeter } from "./progress.ts";

failOnUnhandled();

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const UPLOAD = { operation: "uploadBlob", registry: "registry.example", repository: "team/app" };

/** Work that ends only when it is aborted. */
const endless = (signal: AbortSignal | undefined): Promise<never> => orAborted(new Promise<never>(() => {}), signal);

function meterAt(loadedBytes: number, totalBytes: number | undefined): ProgressMeter {
  const meter = new ProgressMeter(undefined, totalBytes);
  meter.started();
  meter.moved(loadedBytes);
  return meter;
}

/** How the work ends when `ms` go by meanwhile. */
async function after<T>(ms: number, work: Promise<T>): Promise<T> {
  work.catch(() => {});
  await vi.advanceTimersByTimeAsync(ms);
  return work;
}

test("an overdue transfer ends in an error that says what it was, how far it came, and what to do", async () => {
  const work = withDeadline({ timeoutInMs: 5_000 }, UPLOAD, meterAt(300, 1_000), endless);
  const error = await failureOf(after(5_000, work), TransferTimeoutError);
  expect(error.message).toBe(
    "uploadBlob of team/app at registry.example took longer than its timeout of 5000 ms: 300 of 1000 bytes had moved. " +
      "Give it a longer timeoutInMs, or none: a connection that falls silent is given up by itself.",
  );
  expect(error).toMatchObject({ code: "TRANSFER_TIMEOUT", operation: "uploadBlob", repository: "team/app" });
  expect(isRegistryError(error)).toBe(true);
});

test("a content that does not say its size is told so", async () => {
  const work = withDeadline({ timeoutInMs: 5 }, UPLOAD, meterAt(300, undefined), endless);
  const error = await failureOf(after(5, work), TransferTimeoutError);
  expect(error.message).toContain("300 bytes had moved, of a content that does not say its size.");
});

test("one that never had its turn is told so, and what helps then", async () => {
  const work = withDeadline({ timeoutInMs: 5 }, UPLOAD, new ProgressMeter(undefined, 1_000), endless);
  const error = await failureOf(after(5, work), TransferTimeoutError);
  expect(error.message).toContain(
    "5 ms: it was still waiting for its turn. Give it a longer timeoutInMs, or start fewer",
  );
});

test("one that waits for something else is told so", async () => {
  const deadline = new Deadline({ timeoutInMs: 5 }, UPLOAD, new ProgressMeter(undefined, 1_000));
  deadline.waitsFor("the registry's answer");
  await vi.advanceTimersByTimeAsync(5);
  const error = deadline.translate(new AbortError()) as Error;
  expect(error.message).toContain("waiting for the registry's answer. Give it a longer timeoutInMs, or none");
});

test("does not end before its time", async () => {
  const work = withDeadline({ timeoutInMs: 5_000 }, UPLOAD, meterAt(0, 1), async (signal) => {
    await vi.advanceTimersByTimeAsync(4_999);
    return signal?.aborted;
  });
  expect(await work).toBe(false);
});

test("a timeout longer than a timer can count does not fire at once", async () => {
  const month = 31 * 24 * 3_600_000;
  let ended = false;
  const work = withDeadline({ timeoutInMs: month }, UPLOAD, meterAt(0, 1), endless).finally(() => (ended = true));
  await after(month - 1, Promise.resolve());
  expect(ended).toBe(false);
  await failureOf(after(1, work), TransferTimeoutError);
});

test("the caller's own abort stays an abort, and ends the work", async () => {
  const controller = new AbortController();
  const work = withDeadline({ timeoutInMs: 5, abortSignal: controller.signal }, UPLOAD, meterAt(0, 1), endless);
  controller.abort();
  await abortOf(work);
});

test("a caller's abort that the work heeds only after the time is over stays an abort", async () => {
  const controller = new AbortController();
  const work = withDeadline(
    { timeoutInMs: 5, abortSignal: controller.signal },
    UPLOAD,
    meterAt(0, 1),
    async (signal) => {
      controller.abort();
      await vi.advanceTimersByTimeAsync(10);
      return endless(signal);
    },
  );
  await abortOf(work);
});

test("a failure of the work's own is the one that comes out, overdue or not", async () => {
  const full = Object.assign(new Error("the disk is full"), { code: "ENOSPC" });
  const work = withDeadline({ timeoutInMs: 5 }, UPLOAD, meterAt(0, 1), async () => {
    await vi.advanceTimersByTimeAsync(10);
    throw full;
  });
  await expect(work).rejects.toBe(full);
});

test("without a timeout, the work gets the caller's own signal", async () => {
  const { signal } = new AbortController();
  for (const timeoutInMs of [{}, { timeoutInMs: Number.POSITIVE_INFINITY }]) {
    expect(new Deadline({ ...timeoutInMs, abortSignal: signal }, UPLOAD, meterAt(0, 1)).signal).toBe(signal);
    expect(new Deadline(timeoutInMs, UPLOAD, meterAt(0, 1)).signal).toBeUndefined();
  }
  expect(vi.getTimerCount()).toBe(0);
});

test("however the work ends, no timer stays behind", async () => {
  const controller = new AbortController();
  const options = { timeoutInMs: 50, abortSignal: controller.signal };
  await withDeadline(options, UPLOAD, meterAt(0, 1), async () => expect(vi.getTimerCount()).toBe(1));
  expect(vi.getTimerCount()).toBe(0);
  await failureOf(
    withDeadline(options, UPLOAD, meterAt(0, 1), () => Promise.reject(new RangeError("no"))),
    RangeError,
  );
  expect(vi.getTimerCount()).toBe(0);
  await failureOf(after(50, withDeadline(options, UPLOAD, meterAt(0, 1), endless)), TransferTimeoutError);
  expect(vi.getTimerCount()).toBe(0);
  const aborted = withDeadline(options, UPLOAD, meterAt(0, 1), endless);
  controller.abort();
  await abortOf(aborted);
  expect(vi.getTimerCount()).toBe(0);
});

test("a stopped deadline goes on following the caller's signal, for a body that flows on", () => {
  const controller = new AbortController();
  const deadline = new Deadline({ timeoutInMs: 50, abortSignal: controller.signal }, UPLOAD, meterAt(0, 1));
  deadline.stop();
  deadline.stop();
  vi.advanceTimersByTime(100);
  expect(deadline.signal?.aborted).toBe(false);
  controller.abort();
  expect(deadline.signal?.aborted).toBe(true);
});

test.each([0, -1, Number.NaN, "5", null, 5n])("%s is no timeout, and nothing is begun", async (timeoutInMs) => {
  let begun = false;
  const options = { timeoutInMs: timeoutInMs as number };
  const work = withDeadline(options, UPLOAD, meterAt(0, 1), async () => (begun = true));
  const error = await failureOf(work, InvalidInputError);
  expect(error.message).toContain("timeoutInMs");
  expect(begun).toBe(false);
});
