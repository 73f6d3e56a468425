import { CONTENDERS, type ContenderName } from "../contenders/contenders.ts";
import { measure } from "../measure.ts";
import { interleave, medians, type Results } from "../rounds.ts";
import type { Measured } from "../worker.ts";
import { type BenchOptions, type RowGroup, toRow } from "./row.ts";
import { withBlob } from "./with-blob.ts";

export type Direction = "upload" | "download";

/** Throughput, CPU and memory of one blob, up and down: one server, one file, every contender in turn, round by round. */
function transferRows(direction: Direction): RowGroup {
  const name = `${direction}-1gib`;
  return {
    names: [name, `${name}-cpu`, `${name}-memory`],
    async run(options) {
      return throughputRows(name, options, await transferRounds(direction, options));
    },
  };
}

export const uploadRows = transferRows("upload");
export const downloadRows = transferRows("download");

/** Every contender moves the blob once a round. */
export function transferRounds(
  direction: Direction,
  { rounds, blobMiB }: BenchOptions,
): Promise<Results<ContenderName, Measured>> {
  return withBlob(blobMiB, ({ access, file, repository, digest }) =>
    interleave(Object.keys(CONTENDERS) as ContenderName[], rounds, (contender, round) => {
      const work =
        direction === "upload"
          ? ({ kind: "upload", repository: `bench/r${round}`, file } as const)
          : ({ kind: "download", repository, digest } as const);
      return measure({ contender, access, work });
    }),
  );
}

/** The three rates of a blob's way, whoever carried it. */
export function throughputRows<Name extends string>(
  name: string,
  { blobMiB }: BenchOptions,
  results: Results<Name | "acrkit", Pick<Measured, "seconds" | "cpuSeconds" | "peakMemoryMiB">>,
) {
  return [
    toRow(
      name,
      "MiB/s",
      medians(results, ({ seconds }) => blobMiB / seconds),
    ),
    toRow(
      `${name}-cpu`,
      "MiB per CPU second",
      medians(results, ({ cpuSeconds }) => blobMiB / cpuSeconds),
    ),
    toRow(
      `${name}-memory`,
      "MiB per MiB of peak memory",
      medians(results, ({ peakMemoryMiB }) => blobMiB / peakMemoryMiB),
    ),
  ];
}
