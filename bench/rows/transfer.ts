import type { Measured } from "../contenders/work.ts";
import { ONE_STREAM } from "../field.ts";
import type { Distance } from "../proxy/line.ts";
import type { Results } from "../rounds.ts";
import { type BenchOptions, type Row, type RowGroup, rateRow, type Spoken, valuesOf } from "./row.ts";
import { type Direction, transferRounds } from "./transfer-rounds.ts";

const MIB = 1024 * 1024;

/** A registry on the same continent, and what one connection to it gets. */
const FAR: Distance = { roundTripMs: 50, bytesPerSecond: 100_000_000 };

/** The blobs of an image with far too many small layers. */
const MANY = { count: 500, sizeInBytes: 64 * 1024 };

/** Throughput, CPU and memory of one blob. */
function transferRows(direction: Direction): RowGroup {
  const name = `${direction}-1gib`;
  return {
    names: [name, `${name}-cpu`, `${name}-memory`],
    async run(options) {
      const { entrants } = await options.field();
      const shape = { count: 1, sizeInBytes: options.blobMiB * MIB };
      const results = await transferRounds({ direction, shape, entrants, rounds: options.rounds });
      return throughputRows(name, options, results);
    },
  };
}

/** The same blob over a distance; ours takes part a second time, with a download in one stream. */
function distantRows(direction: Direction): RowGroup {
  const name = `${direction}-1gib-50ms`;
  return {
    names: [name],
    async run({ field, distantMiB, rounds }) {
      const { entrants } = await field();
      const results = await transferRounds({
        direction,
        shape: { count: 1, sizeInBytes: distantMiB * MIB },
        entrants: direction === "download" ? [...entrants, ONE_STREAM] : entrants,
        rounds,
        distance: FAR,
      });
      return [rateRow(name, "MiB/s", results, ({ seconds }) => distantMiB / seconds)];
    },
  };
}

/** Many small blobs: what is between the bytes. */
function manyRows(direction: Direction): RowGroup {
  const name = `${direction}-500x64kib`;
  return {
    names: [name],
    async run({ field, rounds }) {
      const { entrants } = await field();
      const results = await transferRounds({ direction, shape: MANY, entrants, rounds });
      return [rateRow(name, "blobs/s", results, ({ seconds }) => MANY.count / seconds)];
    },
  };
}

/** Peak memory alone, with blobs of other sizes. */
function memoryRows(direction: Direction, label: string, blobMiB: number, { long = false } = {}): RowGroup {
  const name = `${direction}-memory-${label}`;
  return {
    names: [name],
    long,
    async run({ field, rounds, longRounds }) {
      const { entrants } = await field();
      const shape = { count: 1, sizeInBytes: blobMiB * MIB };
      const results = await transferRounds({ direction, shape, entrants, rounds: long ? longRounds : rounds });
      return [memoryRow(name, blobMiB, results)];
    },
  };
}

/** The three rates of a blob's way, whoever carried it. */
export function throughputRows(
  name: string,
  { blobMiB }: Pick<BenchOptions, "blobMiB">,
  results: Results<string, Measured>,
): readonly Row[] {
  const cpu = rateRow(`${name}-cpu`, "MiB per CPU second", results, ({ cpuSeconds }) => blobMiB / cpuSeconds);
  return [
    rateRow(name, "MiB/s", results, ({ seconds }) => blobMiB / seconds),
    { ...cpu, spoken: spoken(cpu, "CPU seconds per GiB", (rate) => 1024 / rate) },
    memoryRow(`${name}-memory`, blobMiB, results),
  ];
}

function memoryRow(name: string, blobMiB: number, results: Results<string, Measured>): Row {
  const row = rateRow(name, "MiB per MiB of peak memory", results, (run) => blobMiB / run.peakMemoryMiB);
  return { ...row, spoken: spoken(row, "MiB of peak memory", (rate) => blobMiB / rate) };
}

function spoken(row: Row, unit: string, from: (rate: number) => number): Spoken {
  const rates = valuesOf(row);
  return { unit, values: Object.fromEntries(Object.entries(rates).map(([name, rate]) => [name, from(rate)])) };
}

export const TRANSFER_ROWS: readonly RowGroup[] = (["upload", "download"] as const).flatMap((direction) => [
  transferRows(direction),
  distantRows(direction),
  manyRows(direction),
  memoryRows(direction, "100mib", 100),
  memoryRows(direction, "10gib", 10 * 1024, { long: true }),
]);
