import { REPOSITORY } from "../registries/emulator.ts";
import { measureRegistry, type RegistryMeasured } from "../registries/measure-registry.ts";
import { missingRegistry, READERS, type RegistryName, WRITERS, withRegistries } from "../registries/registries.ts";
import { interleave, type Results } from "../rounds.ts";
import { type RandomFile, withRandomFile } from "./random-file.ts";
import type { BenchOptions, RowGroup } from "./row.ts";
import { throughputRows } from "./transfer.ts";
import type { Direction } from "./transfer-rounds.ts";

/** Throughput of one streamed blob, with what the server takes for it. */
function registryTransferRows(direction: Direction): RowGroup {
  const name = `emulator-${direction}-1gib`;
  return {
    names: [name, `${name}-cpu`, `${name}-memory`],
    missing: missingRegistry,
    async run(options) {
      return throughputRows(name, options, await registryTransferRounds(direction, options));
    },
  };
}

export const registryUploadRows = registryTransferRows("upload");
export const registryDownloadRows = registryTransferRows("download");

/** The blob goes to, or comes from, every server once a round. */
export function registryTransferRounds(
  direction: Direction,
  { rounds, blobMiB }: BenchOptions,
): Promise<Results<"acrkit" | "docker-registry", RegistryMeasured>> {
  return withRandomFile(blobMiB, (file) =>
    direction === "upload" ? uploadRounds(file, rounds) : downloadRounds(file, rounds),
  );
}

/** Each time to a server that has just been started: it neither has the blob nor has it had any other. */
function uploadRounds(file: RandomFile, rounds: number) {
  return interleave<RegistryName, RegistryMeasured>(WRITERS, rounds, (name) =>
    withRegistries([name], (running) =>
      measureRegistry(running[name], { kind: "push-file", repository: REPOSITORY, ...file }),
    ),
  );
}

function downloadRounds({ file, sizeInBytes, digest }: RandomFile, rounds: number) {
  const blob = { repository: REPOSITORY, sizeInBytes, digest };
  return withRegistries(READERS, async (running) => {
    for (const name of READERS) await measureRegistry(running[name], { kind: "push-file", file, ...blob });
    return interleave(READERS, rounds, (name) => measureRegistry(running[name], { kind: "pull-file", ...blob }));
  });
}
