import { createHash } from "node:crypto";

/** Decisions that follow from a seed. */
export interface Chance {
  /** At least 0, below `limit`. */
  below(limit: number): number;
  pick<T>(values: readonly T[]): T;
}

export function createChance(seed: number): Chance {
  let count = 0;
  const below = (limit: number) =>
    Math.floor((createHash("sha256").update(`${seed} ${count++}`).digest().readUInt32BE() / 2 ** 32) * limit);
  return { below, pick: (values) => values[below(values.length)] as (typeof values)[number] };
}
