import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { abortOf } from "../testing/client.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import { TurnQueue } from "./turn-queue.ts";

failOnUnhandled();

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A queue before a store of `free` things, and the names of those who were let in. */
function queueBefore(free: number) {
  const store = { free, pauseInMs: 0 };
  const queue = new TurnQueue<number>(
    (need) => {
      if (need > store.free) return false;
      store.free -= need;
      return true;
    },
    () => store.pauseInMs,
  );
  const entered: string[] = [];
  const enter = async (name: string, need: number, signal?: AbortSignal): Promise<void> => {
    await queue.wait(need, signal);
    entered.push(name);
  };
  const giveBack = async (count: number): Promise<void> => {
    store.free += count;
    queue.review();
    await vi.advanceTimersByTimeAsync(0);
  };
  return { store, queue, entered, enter, giveBack };
}

test("whoever finds what it needs goes at once, the others as something is given back, in order", async () => {
  const { entered, enter, giveBack } = queueBefore(2);
  const all = ["a", "b", "c", "d", "e"].map((name) => enter(name, 1));
  await giveBack(0);
  expect(entered).toEqual(["a", "b"]);
  await giveBack(1);
  expect(entered).toEqual(["a", "b", "c"]);
  await giveBack(2);
  await Promise.all(all);
  expect(entered).toEqual(["a", "b", "c", "d", "e"]);
});

test("a large need is not overtaken by small ones that would fit", async () => {
  const { entered, enter, giveBack } = queueBefore(2);
  const all = [enter("large", 3), enter("small", 1)];
  await giveBack(0);
  expect(entered).toEqual([]);
  await giveBack(2);
  await Promise.all(all);
  expect(entered).toEqual(["large", "small"]);
});

test("an abort ends the waiting at once, takes nothing, and lets go those that waited behind it", async () => {
  const { store, entered, enter } = queueBefore(2);
  const controller = new AbortController();
  const large = enter("large", 3, controller.signal);
  const small = enter("small", 1);
  controller.abort();
  await abortOf(large);
  await small;
  expect(entered).toEqual(["small"]);
  expect(store.free).toBe(1);
});

test("an abort that came before takes nothing either", async () => {
  const { store, enter } = queueBefore(2);
  await abortOf(enter("aborted", 1, AbortSignal.abort()));
  expect(store.free).toBe(2);
});

test("an abort after the turn came changes nothing, and nobody listens to it any more", async () => {
  const { store, enter, giveBack } = queueBefore(0);
  const controller = new AbortController();
  const removed = vi.spyOn(controller.signal, "removeEventListener");
  const waiting = enter("a", 1, controller.signal);
  await giveBack(1);
  await waiting;
  expect(removed).toHaveBeenCalledOnce();
  controller.abort();
  expect(store.free).toBe(0);
});

test("nobody is let in during a pause, and everybody who may after it, in order", async () => {
  const { store, entered, enter } = queueBefore(2);
  store.pauseInMs = 1_000;
  const all = ["a", "b"].map((name) => enter(name, 1));
  await vi.advanceTimersByTimeAsync(999);
  expect(entered).toEqual([]);
  store.pauseInMs = 0;
  await vi.advanceTimersByTimeAsync(1);
  await Promise.all(all);
  expect(entered).toEqual(["a", "b"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("a pause that has grown meanwhile is waited out", async () => {
  const { store, entered, enter } = queueBefore(1);
  store.pauseInMs = 1_000;
  const waiting = enter("a", 1);
  store.pauseInMs = 500;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(entered).toEqual([]);
  store.pauseInMs = 0;
  await vi.advanceTimersByTimeAsync(500);
  await waiting;
});

test("no timer runs for a pause in which nobody waits any more", async () => {
  const { store, enter } = queueBefore(1);
  store.pauseInMs = 1_000;
  const controller = new AbortController();
  const waiting = enter("a", 1, controller.signal);
  expect(vi.getTimerCount()).toBe(1);
  controller.abort();
  await abortOf(waiting);
  expect(vi.getTimerCount()).toBe(0);
});
