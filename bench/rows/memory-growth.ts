import { median } from "../measure.ts";
import { type RowGroup, toRow } from "./row.ts";
import { type Direction, transferRounds } from "./transfer.ts";

/** A blob that is a sixteenth of the large one. */
const SMALLER = 16;

/** How much peak memory depends on the blob: that of a small blob over that of one sixteen times larger; 1 is not at all. */
export const memoryGrowthRows: RowGroup = {
  names: ["upload-memory-growth", "download-memory-growth"],
  async run(options) {
    const rows = [];
    for (const direction of ["upload", "download"] as const satisfies readonly Direction[]) {
      const small = await transferRounds(direction, { ...options, blobMiB: options.blobMiB / SMALLER });
      const large = await transferRounds(direction, options);
      rows.push(
        toRow(`${direction}-memory-growth`, "peak memory, 64 MiB over 1 GiB", (contender) => {
          const peak = (results: typeof small) => median(results[contender].map((run) => run.peakMemoryMiB));
          return peak(small) / peak(large);
        }),
      );
    }
    return rows;
  },
};
