/**
 * Calls back once nothing has happened for a while. `touch` only notes the time, so that it can be called for every piece
 * of a large body; the one timer re-arms itself for what is left.
 */
export class IdleTimer {
  readonly #limitInMs: number;
  readonly #onIdle: () => void;
  #lastActivity = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(limitInMs: number, onIdle: () => void) {
    this.#limitInMs = limitInMs;
    this.#onIdle = onIdle;
    this.#arm(limitInMs);
  }

  touch(): void {
    this.#lastActivity = performance.now();
  }

  /** After a `stop`: watches again, from now on. */
  restart(): void {
    this.touch();
    this.#arm(this.#limitInMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => {
      const left = this.#lastActivity + this.#limitInMs - performance.now();
      if (left <= 0) this.#onIdle();
      else this.#arm(left);
    }, ms);
  }
}
