import { LONGEST_PAUSE_IN_MS } from "./back-off.ts";

/** One more at a time is tried after so many round trips without a refusal, each of them of as many requests as are allowed. */
const ROUND_TRIPS_PER_RAISE = 10;

/**
 * How much a registry takes at a time, learnt from its answers: halved when it says that it is too much, raised one by one
 * while it does not (additive increase, multiplicative decrease, as TCP finds its rate). One for each client.
 */
export class Pace {
  /** What it begins with and never goes beyond. */
  readonly limit: number;
  readonly #now: () => number;
  readonly #listeners: (() => void)[] = [];
  #allowed: number;
  #round = 0;
  #successes = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;

  /** @param now - a clock that never goes back, in milliseconds */
  constructor(limit: number, now: () => number = () => performance.now()) {
    this.limit = limit;
    this.#now = now;
    this.#allowed = limit;
  }

  /** How many at a time are all right now; 1 at the least. */
  get allowed(): number {
    return this.#allowed;
  }

  get isThrottled(): boolean {
    return this.#allowed < this.limit;
  }

  /** For how long, from now, the registry wants to be left alone. */
  get pauseInMs(): number {
    return Math.max(0, this.#pausedUntil - this.#now());
  }

  /** Which halving a request that is sent now comes after; to be handed back with its answer. */
  get round(): number {
    return this.#round;
  }

  /**
   * The registry refused a request of that round. Refusals of requests that were sent together are one: those sent before
   * the last halving say nothing about what is allowed since.
   */
  throttled(round: number, retryAfterInMs: number | undefined): void {
    if (retryAfterInMs !== undefined && retryAfterInMs <= LONGEST_PAUSE_IN_MS) {
      this.#pausedUntil = Math.max(this.#pausedUntil, this.#now() + retryAfterInMs);
    }
    if (round === this.#round) {
      this.#round++;
      this.#successes = 0;
      this.#allowed = Math.max(1, Math.floor(this.#allowed / 2));
    }
  }

  /** The registry answered a request of that round, and not that it was too much. */
  succeeded(round: number): void {
    if (!this.isThrottled || round !== this.#round) return;
    this.#successes++;
    if (this.#successes < ROUND_TRIPS_PER_RAISE * this.#allowed) return;
    this.#successes = 0;
    this.#allowed++;
    for (const listener of this.#listeners) listener();
  }

  /** For those who hold somebody back: called when more has become allowed. */
  onRaise(listener: () => void): void {
    this.#listeners.push(listener);
  }
}
