import { randomFillSync } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CONTENDERS, type ContenderName } from "../contenders/contenders.ts";
import { measure, median } from "../measure.ts";
import { RunningServer } from "../running-server.ts";
import type { Measured } from "../worker.ts";
import type { BenchOptions, Row, RowGroup } from "./row.ts";

type Direction = "upload" | "download";
type Results = Readonly<Record<ContenderName, readonly Measured[]>>;

/** Throughput, CPU and memory of one blob, up and down: one server, one file, every contender in turn, round by round. */
function transferRows(direction: Direction): RowGroup {
  const name = `${direction}-1gib`;
  return {
    names: [name, `${name}-cpu`, `${name}-memory`],
    async run(options) {
      const results = await runRounds(direction, options);
      const { blobMiB } = options;
      return [
        toRow(name, "MiB/s", results, (run) => blobMiB / run.seconds),
        toRow(`${name}-cpu`, "MiB per CPU second", results, (run) => blobMiB / run.cpuSeconds),
        toRow(`${name}-memory`, "MiB per MiB of peak memory", results, (run) => blobMiB / run.peakMemoryMiB),
      ];
    },
  };
}

export const uploadRows = transferRows("upload");
export const downloadRows = transferRows("download");

async function runRounds(direction: Direction, { rounds, blobMiB }: BenchOptions): Promise<Results> {
  const folder = await mkdtemp(join(tmpdir(), "acrkit-bench-"));
  const server = await RunningServer.start();
  try {
    const file = join(folder, "blob");
    await writeRandomFile(file, blobMiB);
    const { access } = server;
    const names = Object.keys(CONTENDERS) as ContenderName[];
    const results = Object.fromEntries(names.map((name) => [name, [] as Measured[]])) as Record<
      ContenderName,
      Measured[]
    >;
    // One upload first: the file is then in the page cache, and the blob is there to be downloaded.
    const first = await measure({
      contender: "floor",
      access,
      work: { kind: "upload", repository: "bench/blob", file },
    });
    for (let round = 0; round < rounds; round++) {
      // Everyone goes first once, so that a machine that warms up or slows down favours nobody.
      for (const contender of rotated(names, round)) {
        const work =
          direction === "upload"
            ? ({ kind: "upload", repository: `bench/r${round}`, file } as const)
            : ({ kind: "download", repository: "bench/blob", digest: first.digest as string } as const);
        results[contender].push(await measure({ contender, access, work }));
      }
    }
    return results;
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function toRow(name: string, unit: string, results: Results, rate: (run: Measured) => number): Row {
  const value = (contender: ContenderName) => median(results[contender].map(rate));
  return {
    name,
    unit,
    ours: value("acrkit"),
    floor: value("floor"),
    peers: { "@azure/container-registry": value("@azure/container-registry") },
  };
}

function rotated<T>(values: readonly T[], by: number): readonly T[] {
  const at = by % values.length;
  return [...values.slice(at), ...values.slice(0, at)];
}

async function writeRandomFile(path: string, sizeInMiB: number): Promise<void> {
  const file = await open(path, "w");
  const block = Buffer.alloc(1024 * 1024);
  for (let index = 0; index < sizeInMiB; index++) await file.write(randomFillSync(block));
  await file.close();
}
