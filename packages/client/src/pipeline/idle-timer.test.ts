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

test("nothing happens after a stop until it is restarted", () => {
  const onIdle = vi.fn();
  const timer = new IdleTimer(1_000, onIdle);
  timer.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(10_000);
  expect(onIdle).not.toHaveBeenCalled();
  timer.restart();
  vi.advanceTimersByTime(1_000);
  expect(onIdle).toHaveBeenCalledOnce();
});
