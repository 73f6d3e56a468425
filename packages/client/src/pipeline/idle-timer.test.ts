import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { IdleTimer } from "./idle-timer.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("calls back once nothing has happened for the limit", () => {
  const onIdle = vi.fn();
  new IdleTimer(1_000, onIdle);
  vi.advanceTimersByTime(999);
  expect(onIdle).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(onIdle).toHaveBeenCalledOnce();
  expect(vi.getTimerCount()).toBe(0);
});

test("every touch starts the limit anew, with one timer all the time", () => {
  const onIdle = vi.fn();
  const timer = new IdleTimer(1_000, onIdle);
  for (let step = 0; step < 10; step++) {
    vi.advanceTimersByTime(900);
    timer.touch();
    expect(vi.getTimerCount()).toBe(1);
  }
  expect(onIdle).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1_000);
  expect(onIdle).toHaveBeenCalledOnce();
});

test("nothing happens after a stop", () => {
  const onIdle = vi.fn();
  const timer = new IdleTimer(1_000, onIdle);
  timer.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(10_000);
  expect(onIdle).not.toHaveBeenCalled();
});

test("a pause does not count, and what came before it does", () => {
  const onIdle = vi.fn();
  const timer = new IdleTimer(1_000, onIdle);
  vi.advanceTimersByTime(600);
  timer.pause();
  vi.advanceTimersByTime(100_000);
  expect(onIdle).not.toHaveBeenCalled();
  timer.resume();
  vi.advanceTimersByTime(1_399);
  expect(onIdle).toHaveBeenCalledOnce();
});

test("a touch takes back what came before, in a pause as well", () => {
  const onIdle = vi.fn();
  const timer = new IdleTimer(1_000, onIdle);
  vi.advanceTimersByTime(900);
  timer.pause();
  timer.touch();
  timer.resume();
  vi.advanceTimersByTime(900);
  expect(onIdle).not.toHaveBeenCalled();
});

test("Infinity watches nothing, and a limit beyond 32 bits does not fire at once", () => {
  const onIdle = vi.fn();
  new IdleTimer(Number.POSITIVE_INFINITY, onIdle);
  expect(vi.getTimerCount()).toBe(0);
  new IdleTimer(2 ** 40, onIdle).pause();
  vi.advanceTimersByTime(2 ** 31);
  expect(onIdle).not.toHaveBeenCalled();
});
