/**
 * A source of numbers that repeats itself: the same seed, the same run. A test prints its seed, and
 * `ACRKIT_SEED=<seed> npm test` runs it again.
 */
export class Seeded {
  readonly seed: number;
  #state: number;

  constructor(seed = Number(process.env.ACRKIT_SEED ?? Math.floor(Math.random() * 2 ** 32))) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
    console.log(`seed ${this.seed}`);
  }

  /** At least 0, below `limit` (mulberry32, Tommy Ettinger, public domain). */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  /** `length` characters out of `alphabet`. */
  text(alphabet: string, length: number): string {
    return Array.from({ length }, () => alphabet[this.below(alphabet.length)]).join("");
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** The same bytes in pieces, cut at random places; some are empty. */
  split(bytes: Uint8Array): readonly Uint8Array[] {
    const cuts = Array.from({ length: this.below(8) }, () => this.below(bytes.length + 1)).sort((a, b) => a - b);
    return [...cuts, bytes.length].map((end, index) => bytes.subarray(cuts[index - 1] ?? 0, end));
  }
}
