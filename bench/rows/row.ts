/** One line of the result. Always a rate: higher is better. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  /** Bare node:https doing the same work, where that can be: what the machine allows. */
  readonly floor?: number | undefined;
  readonly peers: Readonly<Record<string, number>>;
}

export interface BenchOptions {
  readonly rounds: number;
  /** MiB of the blob; 1,024 unless a quick look is wanted. */
  readonly blobMiB: number;
}

/** Several rows that one interleaved run gives. */
export interface RowGroup {
  readonly names: readonly string[];
  /** Why it cannot be run here; undefined when it can. */
  readonly missing?: string | undefined;
  run(options: BenchOptions): Promise<readonly Row[]>;
}

/** Arranges everyone's values in a row: ours are `acrkit`'s. */
export function toRow(
  name: string,
  unit: string,
  values: { readonly acrkit: number; readonly floor?: number } & Readonly<Record<string, number>>,
): Row {
  const { acrkit, floor, ...peers } = values;
  return { name, unit, ours: acrkit, floor, peers };
}
