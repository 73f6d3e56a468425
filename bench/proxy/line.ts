/** How far apart two machines are. */
export interface Distance {
  /** There and back, for bytes that wait for nothing else. */
  readonly roundTripMs: number;
  /** The rate of one connection, each way. */
  readonly bytesPerSecond: number;
}

/**
 * How late a piece may be handed in and still leave as if it had come in time. A process that shares its cores is some
 * milliseconds late now and then; a wire never is. Over any longer time the rate holds.
 */
const CATCH_UP_MS = 10;

interface Travelling {
  readonly piece: Uint8Array;
  readonly arrivesAt: number;
}

/**
 * One way of one connection: pieces leave at the line's rate, one after the other, and arrive half a round trip later, in
 * order. It holds what is travelling and no more: the sender waits while it `isFull`.
 *
 * It keeps no time of its own. All times are in milliseconds, by any clock.
 */
export class Line {
  readonly #delayMs: number;
  readonly #bytesPerMs: number;
  readonly #capacity: number;
  readonly #opensAt: number;
  readonly #travelling: Travelling[] = [];
  #freeAt = Number.NEGATIVE_INFINITY;
  #held = 0;

  /** Nothing leaves before `opensAt`: the time it takes to agree on a connection. */
  constructor({ roundTripMs, bytesPerSecond }: Distance, opensAt: number) {
    this.#delayMs = roundTripMs / 2;
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#capacity = this.#bytesPerMs * (this.#delayMs + CATCH_UP_MS);
    this.#opensAt = opensAt;
  }

  /** Takes a piece at any time; a sender should have waited until the line was no longer full. */
  send(piece: Uint8Array, now: number): void {
    const starts = Math.max(this.#freeAt, now - CATCH_UP_MS, this.#opensAt);
    this.#freeAt = starts + piece.byteLength / this.#bytesPerMs;
    this.#travelling.push({ piece, arrivesAt: Math.max(this.#freeAt, now) + this.#delayMs });
    this.#held += piece.byteLength;
  }

  /** Gives what has arrived by now, in order. */
  take(now: number): readonly Uint8Array[] {
    let count = this.#travelling.findIndex(({ arrivesAt }) => arrivesAt > now);
    if (count < 0) count = this.#travelling.length;
    const arrived = this.#travelling.splice(0, count).map(({ piece }) => piece);
    for (const { byteLength } of arrived) this.#held -= byteLength;
    return arrived;
  }

  /** When the next piece arrives; undefined while nothing travels. */
  get nextArrival(): number | undefined {
    return this.#travelling[0]?.arrivesAt;
  }

  get heldBytes(): number {
    return this.#held;
  }

  get isFull(): boolean {
    return this.#held >= this.#capacity;
  }
}
