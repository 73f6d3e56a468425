import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { PartFilePlan } from "../port.ts";
import { type ProcessOwner, thisProcess } from "./process-owner.ts";

// The log beside a part file, one line after the other, only ever appended to:
//
//   {"acrkitPartFile":1,"key":"sha256:…","sizeInBytes":…,"segmentBytes":…,"pid":…,"host":"…","bornAt":…}
//   0
//   2
//   1
//
// The first line says what the part file is for and who writes it, each other that a segment is finished. What stands behind
// the last line's end was being written when the process died, and does not count.

const VERSION = 1;

/** A header has some hundred bytes, a line at the most ten: more than this is not ours. */
const MAX_HEADER_BYTES = 4 * 1024;
const MAX_LINE_BYTES = 16;

/** What a log tells of the part file beside it. */
export interface PartLogState {
  readonly owner: ProcessOwner;
  readonly finishedSegments: readonly number[];
  readonly silentForMs: number;
}

/**
 * Begins a log. Its name is the lock: whoever has created the log may touch the part file.
 *
 * @throws `EEXIST` somebody else has
 */
export async function createPartLog(
  path: string,
  plan: PartFilePlan,
  finished: readonly number[],
): Promise<FileHandle> {
  const log = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL);
  try {
    const { key, sizeInBytes, segmentBytes } = plan;
    const header = JSON.stringify({ acrkitPartFile: VERSION, key, sizeInBytes, segmentBytes, ...thisProcess() });
    await log.appendFile([header, ...finished, ""].join("\n"));
    return log;
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** Undefined for what is no log of this plan's part file: torn, corrupt, of another blob, or not even a file. */
export async function readPartLog(path: string, plan: PartFilePlan): Promise<PartLogState | undefined> {
  const text = await readSmall(path, MAX_HEADER_BYTES + MAX_LINE_BYTES * segmentCount(plan));
  if (text === undefined) return undefined;
  const lines = text.content.split("\n").slice(0, -1);
  const owner = parseHeader(lines[0], plan);
  if (owner === undefined) return undefined;
  const finished = new Set<number>();
  for (const line of lines.slice(1)) {
    const index = /^\d{1,10}$/.test(line) ? Number(line) : -1;
    if (index < 0 || index >= segmentCount(plan)) return undefined;
    finished.add(index);
  }
  return { owner, finishedSegments: [...finished].sort((a, b) => a - b), silentForMs: Date.now() - text.writtenAtMs };
}

function segmentCount({ sizeInBytes, segmentBytes }: PartFilePlan): number {
  return Math.ceil(sizeInBytes / segmentBytes);
}

async function readSmall(
  path: string,
  maxBytes: number,
): Promise<{ readonly content: string; readonly writtenAtMs: number } | undefined> {
  let log: FileHandle;
  try {
    // Not through a link, which may lead anywhere, nor from a pipe, which never ends.
    log = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const found = await log.stat();
    if (!found.isFile() || found.size > maxBytes) return undefined;
    const { buffer, bytesRead } = await log.read(Buffer.alloc(found.size), 0, found.size, 0);
    return { content: buffer.toString("utf8", 0, bytesRead), writtenAtMs: found.mtimeMs };
  } catch {
    return undefined;
  } finally {
    await log.close();
  }
}

function parseHeader(line: string | undefined, plan: PartFilePlan): ProcessOwner | undefined {
  let header: unknown;
  try {
    header = JSON.parse(line ?? "");
  } catch {
    return undefined;
  }
  const { acrkitPartFile, key, sizeInBytes, segmentBytes, pid, host, bornAt } = (header ?? {}) as Record<
    string,
    unknown
  >;
  const isOurs =
    acrkitPartFile === VERSION &&
    key === plan.key &&
    sizeInBytes === plan.sizeInBytes &&
    segmentBytes === plan.segmentBytes;
  if (!isOurs || !Number.isSafeInteger(pid) || (pid as number) <= 0) return undefined;
  if (typeof host !== "string" || typeof bornAt !== "number") return undefined;
  return { pid: pid as number, host, bornAt };
}
