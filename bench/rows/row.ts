import { CONTENDERS, type ContenderName } from "../contenders/contenders.ts";

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

/** Arranges everyone's values in a row. */
export function toRow(name: string, unit: string, value: (contender: ContenderName) => number): Row {
  const peers = (Object.keys(CONTENDERS) as ContenderName[]).filter((other) => other !== "acrkit" && other !== "floor");
  return {
    name,
    unit,
    ours: value("acrkit"),
    floor: value("floor"),
    peers: Object.fromEntries(peers.map((peer) => [peer, value(peer)])),
  };
}
