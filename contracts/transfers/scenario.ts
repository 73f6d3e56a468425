import type { RegistryOptions } from "@acrkit/emulator";
import { type Chance, createChance } from "../resilience/chance.ts";
import { type RandomFaults, randomTransferFaults } from "./transfer-faults.ts";

/** The registries that transfers meet: ACR, some that upload differently, and one whose storage knows no ranges. */
export const REGISTRIES = {
  acr: {},
  resumable: { resumableUploads: true },
  limited: { resumableUploads: true, maxPatchBytes: 1_048_576, maxPutBytes: 1_048_576 },
  minimum: { resumableUploads: true, minChunkBytes: 20_000 },
  rangeless: {},
} as const satisfies Record<string, RegistryOptions>;

export type RegistryName = keyof typeof REGISTRIES;

/** When the caller gives up. */
export type GivingUp = { readonly atBytes: number } | { readonly afterMs: number };

interface Common {
  readonly seed: number;
  readonly registry: RegistryName;
  readonly sizeInBytes: number;
  readonly faults: RandomFaults;
  readonly abort: GivingUp | undefined;
  readonly timeoutInMs: number | undefined;
  /** Whether the same is done twice at the same time: to the same repository, journal or file. */
  readonly twin: boolean;
}

export type ContentKind = "bytes" | "Blob" | "path" | "function" | "generator" | "node stream" | "web stream";

export interface UploadScenario extends Common {
  readonly direction: "upload";
  readonly content: ContentKind;
  readonly pieceBytes: number;
  /** The byte at which the content fails to be read. */
  readonly failsAt: number | undefined;
  readonly chunkSizeInBytes: number | undefined;
  readonly digest: "right" | "wrong" | undefined;
  readonly journal: boolean;
  /** Whether the blob is in another repository, or said to be. */
  readonly mountFrom: "there" | "absent" | undefined;
  /** Whether the blob is there before. */
  readonly isThere: boolean;
}

export interface DownloadScenario extends Common {
  readonly direction: "download";
  readonly form: "bytes" | "loop" | "stream" | "toFile";
  /** Ranges at a time, for a file. */
  readonly parallel: number | undefined;
  /** Whether the file is there before, with another content. */
  readonly replaces: boolean;
  /** Whoever reads leaves at this byte, without an error. */
  readonly leavesAt: number | undefined;
}

export type Scenario = UploadScenario | DownloadScenario;

const KIB = 1_024;
const MIB = 1_024 * KIB;

const around = (size: number) => [size - 1, size, size + 1];

/** Small ones mostly: a boundary of every kind, and now and then one that takes its time. */
function randomSize(chance: Chance, direction: Scenario["direction"]): number {
  const kind = chance.below(100);
  // Several ranges at a time are only worth it from here on.
  if (direction === "download" && kind >= 97) return 16 * MIB + chance.below(12 * MIB);
  if (kind < 8) return chance.pick([0, 1, 2]);
  if (kind < 45) return chance.pick([16 * KIB, 50_000, 64 * KIB, 100_000].flatMap(around));
  if (kind < 80) return chance.below(300_000);
  if (kind < 94) return chance.pick([256 * KIB, 512 * KIB, MIB].flatMap(around));
  if (kind < 98) return chance.pick(around(4 * MIB));
  return chance.pick(around(8 * MIB));
}

/** Every part of what happens follows from the seed. */
export function scenarioOf(seed: number): Scenario {
  const chance = createChance(seed);
  const direction = chance.pick(["upload", "upload", "download"] as const);
  const sizeInBytes = randomSize(chance, direction);
  const common: Common = {
    seed,
    registry:
      direction === "upload"
        ? chance.pick(["acr", "acr", "resumable", "resumable", "limited", "minimum"])
        : chance.pick(["acr", "acr", "acr", "rangeless"]),
    sizeInBytes,
    faults: randomTransferFaults(chance, direction, sizeInBytes),
    abort: chance.below(5) === 0 ? randomMoment(chance, sizeInBytes) : undefined,
    twin: chance.below(8) === 0,
    timeoutInMs: chance.below(25) === 0 ? chance.pick([1, 10, 50, 30_000]) : undefined,
  };
  return direction === "upload" ? randomUpload(chance, common) : randomDownload(chance, common);
}

function randomMoment(chance: Chance, sizeInBytes: number): GivingUp {
  return chance.below(2) === 0 ? { atBytes: chance.below(sizeInBytes + 1) } : { afterMs: chance.below(40) };
}

function randomUpload(chance: Chance, common: Common): UploadScenario {
  const content = chance.pick([
    "bytes",
    "Blob",
    "path",
    "function",
    "generator",
    "node stream",
    "web stream",
  ] as const satisfies ContentKind[]);
  const canFail = content === "function" || content === "generator" || content === "web stream";
  const journal = chance.below(4) === 0;
  const mountFrom = chance.pick([...Array(8).fill(undefined), "there", "absent"] as const);
  // What another process would not recognise needs a digest, as does a mount.
  const needsDigest = mountFrom !== undefined || (journal && content !== "bytes" && content !== "path");
  return {
    ...common,
    direction: "upload",
    content,
    pieceBytes: chance.pick([1_000, 4_096, 16_384, 65_536, 99_991]),
    failsAt: canFail && chance.below(12) === 0 ? chance.below(common.sizeInBytes + 1) : undefined,
    chunkSizeInBytes: chance.pick([undefined, undefined, 16_384, 50_000, 50_000, 262_144]),
    digest: chance.pick([...(needsDigest ? [] : [undefined, undefined]), "right", "right", "right", "wrong"] as const),
    journal,
    mountFrom,
    isThere: chance.below(12) === 0,
  };
}

function randomDownload(chance: Chance, common: Common): DownloadScenario {
  const form = chance.pick(["bytes", "loop", "stream", "toFile", "toFile", "toFile"] as const);
  return {
    ...common,
    direction: "download",
    form,
    parallel: form === "toFile" ? chance.pick([undefined, 1, 2, 3, 4, 8]) : undefined,
    replaces: form === "toFile" && chance.below(3) === 0,
    leavesAt:
      (form === "loop" || form === "stream") && chance.below(4) === 0
        ? chance.below(common.sizeInBytes + 1)
        : undefined,
  };
}

/** Nothing but what a client gets through by itself stands in its way. */
export function mustSucceed(scenario: Scenario): boolean {
  const { abort, timeoutInMs, faults } = scenario;
  if (abort !== undefined || (timeoutInMs !== undefined && timeoutInMs < 30_000) || !faults.survivable) return false;
  if (scenario.direction === "download") return true;
  const canReadAgain = ["bytes", "Blob", "path", "function"].includes(scenario.content);
  return (
    scenario.digest !== "wrong" &&
    scenario.failsAt === undefined &&
    (canReadAgain || (faults.rules.length === 0 && scenario.registry !== "limited"))
  );
}
