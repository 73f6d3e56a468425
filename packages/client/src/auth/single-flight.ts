import { orAborted, throwIfAborted } from "../pipeline/abort-signal.ts";

interface Flight<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  waiters: number;
}

/**
 * One fetch per key, however many callers wait for it. A caller that aborts leaves alone; the fetch itself is aborted only
 * when nobody waits any more.
 */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  async run(key: string, abortSignal: AbortSignal | undefined, fetch: (signal: AbortSignal) => Promise<T>): Promise<T> {
    throwIfAborted(abortSignal);
    const flight = this.#flights.get(key) ?? this.#start(key, fetch);
    flight.waiters++;
    try {
      return await orAborted(flight.result, abortSignal);
    } finally {
      flight.waiters--;
      if (flight.waiters === 0) flight.controller.abort();
    }
  }

  #start(key: string, fetch: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const land = () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    const flight: Flight<T> = { controller, waiters: 0, result: fetch(controller.signal).finally(land) };
    // An abandoned fetch fails with nobody listening.
    flight.result.catch(() => {});
    // A fetch that everyone has left must not be joined by the next caller.
    controller.signal.addEventListener("abort", land, { once: true });
    this.#flights.set(key, flight);
    return flight;
  }
}
