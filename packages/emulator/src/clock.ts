/** A clock that tests can move: tokens expire, signed URLs run out and times are stamped by it. */
export interface Clock {
  /** Milliseconds since 1970, as `Date.now()`. */
  now(): number;
  /** Moves the clock forward; a negative number moves it back. */
  advance(ms: number): void;
  /** Takes back every move. */
  reset(): void;
}

/** A clock that also dates records. */
export interface StampingClock extends Clock {
  /** As `now`, but never off: what is kept is dated by it, and found to be old. */
  recordNow(): number;
  /**
   * The time as ACR writes it, RFC 3339 with seven digits of a second's fraction, never twice the same: later stamps
   * sort behind earlier ones as texts, so that lists ordered by time have one order only.
   */
  timestamp(): string;
}

/**
 * Creates a clock over `base`; by default the machine's, to the microsecond. `skew` is how far it is off at the moment, for
 * whoever reads it; records are not, or all later stamps would have to lie behind one of the future.
 */
export function createClock(base: () => number = machineTime, skew: () => number = () => 0): StampingClock {
  let moved = 0;
  let last = NEVER;
  const recordNow = () => base() + moved;
  const advance = (ms: number) => {
    moved += ms;
    // Whoever turns the clock back wants earlier stamps.
    if (ms < 0) last = NEVER;
  };
  return {
    now: () => recordNow() + skew(),
    recordNow,
    advance,
    reset() {
      advance(-moved);
      last = NEVER;
    },
    timestamp() {
      const time = recordNow();
      const ms = Math.floor(time);
      const next = { ms, ticks: Math.floor((time - ms) * TICKS_PER_MS) };
      last = isLater(next, last) ? next : successor(last);
      return `${new Date(last.ms).toISOString().slice(0, -1)}${String(last.ticks).padStart(4, "0")}Z`;
    },
  };
}

/** A tick is 100 ns, the seventh digit of a second's fraction. */
const TICKS_PER_MS = 10_000;

interface Instant {
  readonly ms: number;
  readonly ticks: number;
}

const NEVER: Instant = { ms: Number.NEGATIVE_INFINITY, ticks: 0 };

function isLater(a: Instant, b: Instant): boolean {
  return a.ms > b.ms || (a.ms === b.ms && a.ticks > b.ticks);
}

function successor({ ms, ticks }: Instant): Instant {
  return ticks + 1 < TICKS_PER_MS ? { ms, ticks: ticks + 1 } : { ms: ms + 1, ticks: 0 };
}

/** Milliseconds since 1970, with a fraction. */
export function machineTime(): number {
  return Date.now() + (performance.now() % 1);
}
