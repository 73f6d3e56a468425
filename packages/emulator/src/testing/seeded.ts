import { createDraws } from "../faults/draws.ts";

/** Choices that follow from a seed, which is printed; `ACRKIT_SEED=<seed> npm test` makes the same ones again. */
export interface Choices {
  readonly seed: number;
  /** At least 0, below `limit`. */
  below(limit: number): number;
  pick<T>(values: readonly T[]): T;
}

export function seededChoices(): Choices {
  const seed = Number(process.env.ACRKIT_SEED ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`seed ${seed}`);
  const draws = createDraws(seed, "choices");
  const below = (limit: number) => draws.between(0, limit - 1);
  return { seed, below, pick: <T>(values: readonly T[]) => values[below(values.length)] as T };
}
