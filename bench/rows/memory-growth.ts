import { missingRegistry } from "../registries/registries.ts";
import { medians, type Results } from "../rounds.ts";
import { registryTransferRounds } from "./registry-transfer.ts";
import { type BenchOptions, type RowGroup, toRow } from "./row.ts";
import { type Direction, transferRounds } from "./transfer.ts";

/** A blob that is a sixteenth of the large one. */
const SMALLER = 16;

type Transfer = (
  direction: Direction,
  options: BenchOptions,
) => Promise<Results<"acrkit", { readonly peakMemoryMiB: number }>>;

/** How much peak memory depends on the blob: that of a small blob over that of one sixteen times larger; 1 is not at all. */
function growthRows(prefix: string, transfer: Transfer): RowGroup {
  const nameOf = (direction: Direction) => `${prefix}${direction}-memory-growth`;
  return {
    names: [nameOf("upload"), nameOf("download")],
    async run(options) {
      const rows = [];
      for (const direction of ["upload", "download"] as const satisfies readonly Direction[]) {
        const peaks = async (blobMiB: number) =>
          Object.entries(medians(await transfer(direction, { ...options, blobMiB }), (run) => run.peakMemoryMiB));
        const small = await peaks(options.blobMiB / SMALLER);
        const large = new Map(await peaks(options.blobMiB));
        const growth = Object.fromEntries(small.map(([name, peak]) => [name, peak / (large.get(name) ?? Number.NaN)]));
        rows.push(toRow(nameOf(direction), "peak memory, 64 MiB over 1 GiB", growth as Record<"acrkit", number>));
      }
      return rows;
    },
  };
}

export const memoryGrowthRows = growthRows("", transferRounds);
export const registryMemoryGrowthRows: RowGroup = {
  ...growthRows("emulator-", registryTransferRounds),
  missing: missingRegistry,
};
