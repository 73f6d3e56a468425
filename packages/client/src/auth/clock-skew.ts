/** `Date` counts whole seconds, and the answer took its time: less than this says nothing. */
const NEGLIGIBLE_MS = 30_000;

/**
 * How far the registry's clock is ahead of this machine's, learnt from the `Date` of its answers.
 *
 * Only what is said in absolute time needs it: the expiry of a token that another process has left, and of one that does not
 * say when it was issued. Everything else is counted from the moment of the request.
 */
export class ClockSkew {
  #offsetMs = 0;

  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** Takes the `Date` of an answer that came now, by this machine's clock. What is no date is passed over. */
  learn(date: string | undefined, nowMs: number): void {
    const theirs = date === undefined ? Number.NaN : Date.parse(date);
    if (Number.isNaN(theirs)) return;
    const offset = theirs - nowMs;
    this.#offsetMs = Math.abs(offset) < NEGLIGIBLE_MS ? 0 : offset;
  }
}
