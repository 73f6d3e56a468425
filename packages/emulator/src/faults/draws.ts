import { createHash } from "node:crypto";
import type { Amount, DrawnFault, Fault } from "./fault.ts";
import { membersOf } from "./members.ts";

/** Numbers that follow from a seed. */
export interface Draws {
  /** At least 0, below 1. */
  fraction(): number;
  /** At least `from`, at most `to`. */
  between(from: number, to: number): number;
}

/**
 * A series of its own for each seed and key. No state is shared between series, so that what one rule draws does not
 * depend on how its requests are mixed with those of others.
 */
export function createDraws(seed: number, key: string): Draws {
  let count = 0;
  const fraction = () => {
    const hash = createHash("sha256").update(`${seed}\n${count++}\n${key}`).digest();
    // 48 bits: as many as Node reads at once, and more than any body has bytes.
    return hash.readUIntBE(0, 6) / 2 ** 48;
  };
  return { fraction, between: (from, to) => from + Math.floor(fraction() * (to - from + 1)) };
}

/** The fault with its ranges replaced by numbers. */
export function drawFault(fault: Fault, draws: Draws): DrawnFault {
  const members = fault as unknown as Readonly<Record<string, unknown>>;
  const drawn: Record<string, unknown> = { kind: fault.kind };
  for (const name of Object.keys(membersOf(fault.kind))) {
    const value = members[name];
    if (value !== undefined) drawn[name] = typeof value === "object" ? drawAmount(value as Amount, draws) : value;
  }
  return drawn as unknown as DrawnFault;
}

function drawAmount(amount: Amount, draws: Draws): number {
  return typeof amount === "number" ? amount : draws.between(amount.from, amount.to);
}
