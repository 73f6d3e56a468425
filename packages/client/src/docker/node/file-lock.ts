import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { link, open, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, type ProcessOwner, thisProcess } from "../../runtime/node/process-owner.ts";

/** A file is changed within milliseconds; whoever holds the lock for longer hangs. */
const PATIENCE_MS = 10_000;

const PAUSE_MS = 15;

/** A lock without its content is one that is being made, for this long. */
const BEGINNING_MS = 2_000;

const MAX_BYTES = 4 * 1024;

/**
 * Does `work` while no other process does, by a file that says who holds it. One that a dead process has left is taken away.
 *
 * @throws the system's error when the file cannot be made; `EBUSY` when another process keeps it
 */
export async function withFileLock<T>(
  path: string,
  work: () => Promise<T>,
  patienceInMs: number = PATIENCE_MS,
): Promise<T> {
  await acquire(path, randomBytes(12).toString("hex"), patienceInMs);
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function acquire(path: string, token: string, patienceInMs: number): Promise<void> {
  for (const since = performance.now(); performance.now() - since < patienceInMs; await sleep(PAUSE_MS)) {
    if (await create(path, token)) return;
    await takeAwayDead(path, token);
  }
  const code = `${path} is held by another process; remove it if there is none`;
  throw Object.assign(new Error(`EBUSY: ${code}`), { code });
}

/** The content goes into a file of its own first, so that a lock is never there without it. */
async function create(path: string, token: string): Promise<boolean> {
  const own = `${path}.${token}`;
  const content = JSON.stringify({ ...thisProcess(), token });
  try {
    await writeFile(own, content, { flag: "wx", mode: 0o600 });
  } catch (error) {
    // On a full disk the name is there, and nothing under it.
    await rm(own, { force: true });
    throw error;
  }
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (isThere(error)) return false;
    // Not every file system has a second name for a file.
    return await createAtOnce(path, content);
  } finally {
    await rm(own, { force: true });
  }
}

async function createAtOnce(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (isThere(error)) return false;
    throw error;
  }
}

function isThere(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "EEXIST";
}

interface Holder {
  readonly owner: ProcessOwner;
  readonly content: string;
  readonly silentForMs: number;
}

/** Undefined for a lock that has gone, or is not to be touched: it may be anything. */
async function readHolder(path: string): Promise<Holder | undefined> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)).catch(
    () => undefined,
  );
  if (file === undefined) return undefined;
  try {
    const found = await file.stat();
    if (!found.isFile() || found.size > MAX_BYTES) return undefined;
    const content = await file.readFile("utf8");
    const silentForMs = Date.now() - found.mtimeMs;
    const { pid, host, bornAt } = parse(content);
    if (typeof pid === "number" && pid > 0 && typeof host === "string" && typeof bornAt === "number") {
      return { owner: { pid, host, bornAt }, content, silentForMs };
    }
    // Not one of ours, or its process died, or the disk was full, in the midst of writing.
    return silentForMs < BEGINNING_MS
      ? undefined
      : { owner: { pid: 0, host: "", bornAt: 0 }, content, silentForMs: Number.POSITIVE_INFINITY };
  } finally {
    await file.close();
  }
}

/**
 * Takes away the lock of a process that has died. Of several who find it, one has the right to: whoever holds the lock of
 * that very content. Otherwise the slower one would take away what the faster one has put there since. That lock's own
 * holder may have died too, and is treated alike.
 */
async function takeAwayDead(path: string, token: string): Promise<void> {
  const dead = await readDead(path);
  if (dead === undefined) return;
  const right = `${path}.${createHash("sha256").update(dead).digest("hex").slice(0, 12)}`;
  if (!(await create(right, token))) return takeAwayDead(right, token);
  try {
    if ((await readDead(path)) === dead) await rm(path, { force: true });
  } finally {
    await rm(right, { force: true });
  }
}

/** The content of a lock whose holder has died. */
async function readDead(path: string): Promise<string | undefined> {
  const holder = await readHolder(path);
  return holder === undefined || isAlive(holder.owner, holder.silentForMs) ? undefined : holder.content;
}

function parse(content: string): Record<string, unknown> {
  try {
    return (JSON.parse(content) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}
