import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, lstat, open, rename, rm, stat, statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { PartFile, PartFilePlan } from "../port.ts";
import { createPartLog, readPartLog } from "./part-log.ts";
import { isAlive } from "./process-owner.ts";

// Beside the target, so that the rename stays on one file system and is atomic:
//
//   <path>.<12 digits of the key>.part       the bytes, each at its place
//   <path>.<12 digits of the key>.part.log   who writes it, and which segments are there (part-log.ts)
//   <path>.<12 random digits>.part           without a log: small, or the name above is another process's

const READ_WRITE = constants.O_RDWR | constants.O_NOFOLLOW;

/** A log without a readable header is one that is being begun, for this long. */
const BEGINNING_MS = 10_000;

/** Where the part file is, and its log when it has one. */
interface Claim {
  readonly file: FileHandle;
  readonly path: string;
  readonly log: FileHandle | undefined;
  readonly logPath: string | undefined;
  readonly finishedSegments: readonly number[];
}

/** @see PartFile */
export async function openPartFile(relativePlan: PartFilePlan): Promise<PartFile> {
  // The process may go to another folder meanwhile.
  const plan = { ...relativePlan, path: resolve(relativePlan.path) };
  await assertReplaceable(plan.path);
  // One segment is as quickly fetched again as looked for.
  const claim = plan.sizeInBytes > plan.segmentBytes ? await claimShared(plan) : undefined;
  const part = new NodePartFile(plan.path, claim ?? (await claimPrivate(plan.path)));
  try {
    await assertSpace(plan, part.finishedSegments.length);
    return part;
  } catch (error) {
    await part.discard().catch(() => {});
    throw error;
  }
}

class NodePartFile implements PartFile {
  readonly finishedSegments: readonly number[];
  readonly #target: string;
  readonly #claim: Claim;
  #isOver = false;

  constructor(target: string, claim: Claim) {
    this.#target = target;
    this.#claim = claim;
    this.finishedSegments = claim.finishedSegments;
  }

  async write(at: number, bytes: Uint8Array): Promise<void> {
    // A short write is rare: a full disk writes what fits, and fails at the next.
    for (let done = 0; done < bytes.byteLength; ) {
      const { bytesWritten } = await this.#claim.file.write(bytes, done, bytes.byteLength - done, at + done);
      done += bytesWritten;
    }
  }

  async read(at: number, into: Uint8Array): Promise<number> {
    const { bytesRead } = await this.#claim.file.read(into, 0, into.byteLength, at);
    if (bytesRead === 0) throw systemError("EIO", "the part file became shorter while it was written");
    return bytesRead;
  }

  async finishSegment(index: number): Promise<void> {
    await this.#claim.log?.appendFile(`${index}\n`);
  }

  async commit(): Promise<void> {
    const { file, path, logPath } = this.#claim;
    // Without this, a power cut after the rename could leave the final name on an empty file.
    await file.sync();
    // Nothing but these bytes may get the name, whoever else has been at work in this folder.
    if (!(await isNamed(path, file))) throw systemError("EBUSY", "the part file was replaced");
    await this.#close();
    await rename(path, this.#target);
    this.#isOver = true;
    // It is there, whatever becomes of the log: one without its part file is thrown away by the next process.
    if (logPath !== undefined) await rm(logPath, { force: true }).catch(() => {});
  }

  async discard(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    const { file, path, log, logPath } = this.#claim;
    const isPartOwn = await isNamed(path, file);
    const isLogOwn = logPath !== undefined && log !== undefined && (await isNamed(logPath, log));
    try {
      await this.#close();
    } finally {
      if (isPartOwn) await rm(path, { force: true });
      // Last: it is the lock.
      if (isLogOwn) await rm(logPath, { force: true });
    }
  }

  async #close(): Promise<void> {
    const { file, log } = this.#claim;
    try {
      await file.close();
    } finally {
      await log?.close();
    }
  }
}

/** Takes the names that a later process will look for; undefined when another process has them, or they cannot be had. */
async function claimShared(plan: PartFilePlan): Promise<Claim | undefined> {
  const digits = createHash("sha256").update(plan.key).digest("hex").slice(0, 12);
  const path = `${plan.path}.${digits}.part`;
  const logPath = `${path}.log`;
  const left = await takeOver(logPath, plan);
  if (left === "in-use") return undefined;
  let log: FileHandle;
  try {
    log = await createPartLog(logPath, plan, left);
  } catch (error) {
    // Another process was faster, or a folder has the name.
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    await rm(logPath, { force: true }).catch(() => {});
    throw error;
  }
  try {
    const kept = left.length === 0 ? undefined : await openKept(path, plan, left);
    if (kept !== undefined) return { file: kept, path, log, logPath, finishedSegments: left };
    if (left.length > 0) {
      // The log must not tell of segments that are not there.
      await log.close();
      await rm(logPath, { force: true });
      log = await createPartLog(logPath, plan, []);
    }
    const file = await createPart(path);
    if (file !== undefined) return { file, path, log, logPath, finishedSegments: [] };
  } catch (error) {
    await log.close();
    await rm(logPath, { force: true });
    throw error;
  }
  await log.close();
  await rm(logPath, { force: true });
  return undefined;
}

/** Takes a log away from an owner that is dead, and gives what it said to be finished. */
async function takeOver(logPath: string, plan: PartFilePlan): Promise<readonly number[] | "in-use"> {
  if (await isInUse(logPath, plan)) return "in-use";
  // By a rename, of two processes that find the same log only one has it.
  const taken = `${logPath}.${randomBytes(6).toString("hex")}`;
  try {
    await rename(logPath, taken);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? [] : "in-use";
  }
  // The other one may have had it first, and begun its own.
  const isOthers = await isInUse(taken, plan);
  const state = await readPartLog(taken, plan);
  if (isOthers) await link(taken, logPath).catch(() => {});
  try {
    await rm(taken, { force: true });
  } catch {
    // A folder has the name: it stays where it was.
    await rename(taken, logPath).catch(() => {});
    return "in-use";
  }
  return isOthers ? "in-use" : (state?.finishedSegments ?? []);
}

async function isInUse(logPath: string, plan: PartFilePlan): Promise<boolean> {
  const found = await lstat(logPath).catch(() => undefined);
  if (found === undefined) return false;
  const state = await readPartLog(logPath, plan);
  return state === undefined ? isBeginning(found) : isAlive(state.owner, state.silentForMs);
}

function isBeginning(found: { isFile(): boolean; readonly size: number; readonly mtimeMs: number }): boolean {
  return found.isFile() && found.size === 0 && Date.now() - found.mtimeMs < BEGINNING_MS;
}

/** The part file that a dead process has left, when it can be what its log says. */
async function openKept(
  path: string,
  { sizeInBytes, segmentBytes }: PartFilePlan,
  finished: readonly number[],
): Promise<FileHandle | undefined> {
  const file = await open(path, READ_WRITE | constants.O_NONBLOCK).catch(() => undefined);
  if (file === undefined) return undefined;
  const found = await file.stat();
  const needed = Math.min(((finished.at(-1) ?? -1) + 1) * segmentBytes, sizeInBytes);
  // One with two names may be somebody's precious file, and another user's could be changed once it is proven.
  const isOurs = found.isFile() && found.nlink === 1 && found.uid === (process.geteuid?.() ?? found.uid);
  if (isOurs && found.size >= needed && found.size <= sizeInBytes) return file;
  await file.close();
  return undefined;
}

/** Whatever has the name, a link among it, is removed and not written through; undefined when it cannot be. */
async function createPart(path: string): Promise<FileHandle | undefined> {
  await rm(path, { force: true }).catch(() => {});
  try {
    return await open(path, READ_WRITE | constants.O_CREAT | constants.O_EXCL);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw error;
  }
}

async function claimPrivate(target: string): Promise<Claim> {
  const path = `${target}.${randomBytes(6).toString("hex")}.part`;
  const file = await open(path, READ_WRITE | constants.O_CREAT | constants.O_EXCL);
  return { file, path, log: undefined, logPath: undefined, finishedSegments: [] };
}

/** The rename would put a file in place of a device or a pipe, and whoever reads from that would wait for ever. */
async function assertReplaceable(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) throw systemError("EISDIR", "it is a folder");
  if (found?.isFile() === false) throw systemError("ENXIO", "it is a device, a pipe or a socket");
}

/** True unless the name has gone to another file, which is somebody else's then. */
async function isNamed(path: string, file: FileHandle): Promise<boolean> {
  try {
    const [own, named] = await Promise.all([file.stat(), lstat(path)]);
    return own.ino === named.ino && own.dev === named.dev;
  } catch {
    return false;
  }
}

/** File systems of Linux whose free blocks are what can be written: no compression, no quota behind them, nothing remote. */
const CERTAIN_FILE_SYSTEMS = new Set([0xef53 /* ext */, 0x58465342 /* xfs */, 0x01021994 /* tmpfs */]);

/** Fails before anything is downloaded when it is certain that it will not fit. */
async function assertSpace({ path, sizeInBytes, segmentBytes }: PartFilePlan, finished: number): Promise<void> {
  const system = await statfs(dirname(path)).catch(() => undefined);
  if (system === undefined || system.blocks === 0 || !CERTAIN_FILE_SYSTEMS.has(system.type)) return;
  const missing = sizeInBytes - finished * segmentBytes;
  const free = system.bavail * system.bsize;
  if (missing > free) throw systemError("ENOSPC", `${missing} bytes are missing, and only ${free} are free`);
}

/** In the form of the system's own errors. */
function systemError(code: string, problem: string): Error {
  return Object.assign(new Error(`${code}: ${problem}`), { code });
}
