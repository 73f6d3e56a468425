import { CONTENDERS, type ContenderName } from "../contenders/contenders.ts";
import { measure, median } from "../measure.ts";
import type { Measured } from "../worker.ts";
import { type BenchOptions, type RowGroup, toRow } from "./row.ts";
import { withBlob } from "./with-blob.ts";

export type Direction = "upload" | "download";
export type Results = Readonly<Record<ContenderName, readonly Measured[]>>;

/** Throughput, CPU and memory of one blob, up and down: one server, one file, every contender in turn, round by round. */
function transferRows(direction: Direction): RowGroup {
  const name = `${direction}-1gib`;
  return {
    names: [name, `${name}-cpu`, `${name}-memory`],
    async run(options) {
      const results = await transferRounds(direction, options);
      const { blobMiB } = options;
      const row = (suffix: string, unit: string, rate: (run: Measured) => number) =>
        toRow(`${name}${suffix}`, unit, (contender) => median(results[contender].map(rate)));
      return [
        row("", "MiB/s", (run) => blobMiB / run.seconds),
        row("-cpu", "MiB per CPU second", (run) => blobMiB / run.cpuSeconds),
        row("-memory", "MiB per MiB of peak memory", (run) => blobMiB / run.peakMemoryMiB),
      ];
    },
  };
}

export const uploadRows = transferRows("upload");
export const downloadRows = transferRows("download");

/** Every contender moves the blob once a round. */
export function transferRounds(direction: Direction, { rounds, blobMiB }: BenchOptions): Promise<Results> {
  return withBlob(blobMiB, async ({ access, file, repository, digest }) => {
    const names = Object.keys(CONTENDERS) as ContenderName[];
    const results = Object.fromEntries(names.map((name) => [name, [] as Measured[]])) as Record<
      ContenderName,
      Measured[]
    >;
    for (let round = 0; round < rounds; round++) {
      const work =
        direction === "upload"
          ? ({ kind: "upload", repository: `bench/r${round}`, file } as const)
          : ({ kind: "download", repository, digest } as const);
      // Everyone goes first in turn, so that a machine that warms up or slows down favours nobody.
      for (const contender of rotated(names, round))
        results[contender].push(await measure({ contender, access, work }));
    }
    return results;
  });
}

function rotated<T>(values: readonly T[], by: number): readonly T[] {
  const at = by % values.length;
  return [...values.slice(at), ...values.slice(0, at)];
}
