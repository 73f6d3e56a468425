import type { Field } from "../field.ts";
import { medians, type Results } from "../rounds.ts";

/** One line of the result. Always a rate: higher is better. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  /** Bare node:https doing the same work, where that can be: what the machine allows. */
  readonly floor?: number | undefined;
  readonly peers: Readonly<Record<string, number>>;
  /** The same as people speak of it, where that is no rate. */
  readonly spoken?: Spoken | undefined;
  /** Every round's rate, by name. */
  readonly rounds?: Readonly<Record<string, readonly number[]>> | undefined;
}

/** A figure of which less is better: everyone's, by the names under which the rates stand. */
export interface Spoken {
  readonly unit: string;
  readonly values: Readonly<Record<string, number>>;
}

export interface BenchOptions {
  readonly rounds: number;
  /** Rounds of the rows that take minutes each. */
  readonly longRounds: number;
  /** MiB of the blob; 1,024 unless a quick look is wanted. */
  readonly blobMiB: number;
  /** The same over a distance, where a GiB takes some contenders minutes. */
  readonly distantMiB: number;
  /** Who moves blobs; gathered once, when the first row needs it. */
  readonly field: () => Promise<Field>;
}

/** Several rows that one interleaved run gives. */
export interface RowGroup {
  readonly names: readonly string[];
  /** Why it cannot be run here; undefined when it can. */
  readonly missing?: string | undefined;
  /** It takes so long that it is run only when it is asked for. */
  readonly long?: boolean;
  run(options: BenchOptions): Promise<readonly Row[]>;
}

/** Arranges everyone's values in a row: ours are `acrkit`'s. Without ours, the row is a look at the others. */
export function toRow(name: string, unit: string, values: Readonly<Record<string, number>>): Row {
  const { acrkit = Number.NaN, floor, ...peers } = values;
  return { name, unit, ours: acrkit, floor, peers };
}

/** A row of the medians, with every round's rate beside them. */
export function rateRow<T>(name: string, unit: string, results: Results<string, T>, rate: (run: T) => number): Row {
  const rounds = Object.fromEntries(Object.entries(results).map(([who, runs]) => [who, runs.map(rate)]));
  return { ...toRow(name, unit, medians(results, rate)), rounds };
}

/** Everyone's values of a row, by name, ours first. */
export function valuesOf({ ours, floor, peers }: Row): Readonly<Record<string, number>> {
  return { acrkit: ours, ...(floor === undefined ? {} : { floor }), ...peers };
}
