import { expect, test } from "vitest";
import { abortOf } from "../testing/client.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import { SingleFlight } from "./single-flight.ts";

failOnUnhandled();

/** A fetch whose end the test decides, and whose signals it sees. */
function controlled() {
  const signals: AbortSignal[] = [];
  const ends: { resolve: (value: string) => void; reject: (error: Error) => void }[] = [];
  const fetch = (signal: AbortSignal) => {
    signals.push(signal);
    return new Promise<string>((resolve, reject) => ends.push({ resolve, reject }));
  };
  return { fetch, signals, ends };
}

test("all who wait share one fetch", async () => {
  const { fetch, ends } = controlled();
  const flights = new SingleFlight<string>();
  const waiting = Array.from({ length: 100 }, () => flights.run("key", undefined, fetch));
  ends[0]?.resolve("token");
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(["token"]));
  expect(ends).toHaveLength(1);
});

test("other keys and later calls fetch on their own", async () => {
  const { fetch, ends } = controlled();
  const flights = new SingleFlight<string>();
  const waiting = [flights.run("a", undefined, fetch), flights.run("b", undefined, fetch)];
  for (const [index, { resolve }] of ends.entries()) resolve(`token ${index}`);
  expect(await Promise.all(waiting)).toEqual(["token 0", "token 1"]);
  const later = flights.run("a", undefined, fetch);
  ends[2]?.resolve("token 2");
  expect(await later).toBe("token 2");
});

test("a caller that aborts leaves the others alone", async () => {
  const { fetch, ends, signals } = controlled();
  const flights = new SingleFlight<string>();
  const controller = new AbortController();
  const leaving = flights.run("key", controller.signal, fetch);
  const staying = flights.run("key", undefined, fetch);
  controller.abort();
  await abortOf(leaving);
  expect(signals[0]?.aborted).toBe(false);
  ends[0]?.resolve("token");
  expect(await staying).toBe("token");
});

test("the fetch is aborted once everybody has left, and nobody joins it any more", async () => {
  const { fetch, ends, signals } = controlled();
  const flights = new SingleFlight<string>();
  const controllers = [new AbortController(), new AbortController()];
  const leaving = controllers.map(({ signal }) => flights.run("key", signal, fetch));
  controllers[0]?.abort();
  controllers[1]?.abort();
  await Promise.all(leaving.map(abortOf));
  expect(signals[0]?.aborted).toBe(true);

  const next = flights.run("key", undefined, fetch);
  ends[0]?.reject(new Error("the abandoned fetch fails with nobody listening"));
  ends[1]?.resolve("token");
  expect(await next).toBe("token");
});

test("a failed fetch fails all who wait, and is tried again by the next", async () => {
  const { fetch, ends } = controlled();
  const flights = new SingleFlight<string>();
  const waiting = [flights.run("key", undefined, fetch), flights.run("key", undefined, fetch)];
  ends[0]?.reject(new Error("no"));
  for (const result of waiting) await expect(result).rejects.toThrow("no");
  const next = flights.run("key", undefined, fetch);
  ends[1]?.resolve("token");
  expect(await next).toBe("token");
});

test("who has aborted already starts nothing", async () => {
  const { fetch, signals } = controlled();
  await abortOf(new SingleFlight<string>().run("key", AbortSignal.abort(), fetch));
  expect(signals).toEqual([]);
});

test("a caller's signal that lives on is left without listeners", async () => {
  const { fetch, ends } = controlled();
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener: add, removeEventListener: remove } = signal;
  signal.addEventListener = (...parameters: Parameters<typeof add>) => {
    listeners++;
    add.apply(signal, parameters);
  };
  signal.removeEventListener = (...parameters: Parameters<typeof remove>) => {
    listeners--;
    remove.apply(signal, parameters);
  };
  const result = new SingleFlight<string>().run("key", signal, fetch);
  ends[0]?.resolve("token");
  await result;
  await new Promise(setImmediate);
  expect(listeners).toBe(0);
});
