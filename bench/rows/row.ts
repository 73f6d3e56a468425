/** One line of the result. Always a rate: higher is better. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  /** Bare node:https doing the same work: what the machine allows. */
  readonly floor: number;
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
  run(options: BenchOptions): Promise<readonly Row[]>;
}
