import { missingRegistry } from "../registries/registries.ts";
import { medians } from "../rounds.ts";
import { registryTransferRounds } from "./registry-transfer.ts";
import { type RowGroup, toRow } from "./row.ts";
import type { Direction } from "./transfer-rounds.ts";

/** A blob that is a sixteenth of the large one. */
const SMALLER = 16;

const nameOf = (direction: Direction) => `emulator-${direction}-memory-growth`;

/** How much a server's peak memory depends on the blob: that of a small blob over that of one sixteen times larger; 1 is not at all. */
export const registryMemoryGrowthRows: RowGroup = {
  names: [nameOf("upload"), nameOf("download")],
  missing: missingRegistry,
  async run(options) {
    const rows = [];
    for (const direction of ["upload", "download"] as const satisfies readonly Direction[]) {
      const peaks = async (blobMiB: number) =>
        medians(await registryTransferRounds(direction, { ...options, blobMiB }), (run) => run.peakMemoryMiB);
      const small = Object.entries(await peaks(options.blobMiB / SMALLER));
      const large = new Map(Object.entries(await peaks(options.blobMiB)));
      const growth = Object.fromEntries(small.map(([name, peak]) => [name, peak / (large.get(name) ?? Number.NaN)]));
      rows.push(toRow(nameOf(direction), "peak memory, 64 MiB over 1 GiB", growth));
    }
    return rows;
  },
};
