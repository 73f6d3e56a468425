/** setTimeout counts in 32 bits; beyond that it fires at once. */
const LONGEST_TIMEOUT_IN_MS = 2 ** 31 - 1;

/**
 * Calls back once nothing has happened for a while. `touch` only notes the time, so that it can be called for every piece
 * of a large body; the one timer re-arms itself for what is left. While it is paused, no time passes: the side that is
 * watched is not the one that is waited for.
 */
export class IdleTimer {
  readonly #limitInMs: number;
  readonly #onIdle: () => void;
  /** Idle time before the present stretch. */
  #idleInMs = 0;
  /** When the present stretch began; undefined while paused. */
  #since: number | undefined = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param limitInMs - `Infinity` watches nothing */
  constructor(limitInMs: number, onIdle: () => void) {
    this.#limitInMs = limitInMs;
    this.#onIdle = onIdle;
    if (limitInMs !== Number.POSITIVE_INFINITY) this.#arm(limitInMs);
  }

  touch(): void {
    this.#idleInMs = 0;
    if (this.#since !== undefined) this.#since = performance.now();
  }

  pause(): void {
    if (this.#since === undefined) return;
    this.#idleInMs += performance.now() - this.#since;
    this.#since = undefined;
  }

  resume(): void {
    this.#since ??= performance.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(
      () => {
        const idleInMs = this.#idleInMs + (this.#since === undefined ? 0 : performance.now() - this.#since);
        const left = this.#limitInMs - idleInMs;
        if (left <= 0) this.#onIdle();
        else this.#arm(left);
      },
      Math.min(Math.ceil(ms), LONGEST_TIMEOUT_IN_MS),
    );
  }
}
