import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { JournalFolder } from "../port.ts";
import { isAlive, type PartOwner, thisProcess } from "./part-owner.ts";

/** An entry has some hundred bytes; a registry's address may have some thousand. */
const MAX_ENTRY_BYTES = 64 * 1024;

/** Registries throw an upload away after a week at the latest (ACR and distribution: `uploadpurging`, 168 h). */
const MAX_AGE_IN_MS = 7 * 24 * 60 * 60_000;

const OWN_FILES = /^[0-9a-f]{64}\.upload(?:\.[0-9a-f]{12}\.part)?$/;

export async function openJournal(folder: string): Promise<JournalFolder> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  // `mode` is cut by the process's mask alone; the folders above belong to whoever may see them.
  if (made !== undefined) await chmod(folder, 0o700);
  await removeOldEntries(folder);
  const path = (name: string) => join(folder, `${name}.upload`);
  return {
    owner: JSON.stringify(thisProcess()),
    isAlive: isOwnerAlive,
    read: (name) => readEntry(path(name)),
    write: (name, text) => writeEntry(path(name), text),
    remove: (name) => rm(path(name), { force: true }),
  };
}

async function readEntry(path: string): Promise<string | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    // Neither through a link that somebody laid, nor waiting for the other end of a pipe.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const found = await file.stat();
    if (!found.isFile() || found.size > MAX_ENTRY_BYTES) return undefined;
    // What another user wrote could lead this one's content elsewhere. Windows has no such numbers.
    if (process.getuid !== undefined && found.uid !== process.getuid()) return undefined;
    return await file.readFile("utf8");
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}

async function writeEntry(path: string, text: string): Promise<void> {
  const part = `${path}.${randomBytes(6).toString("hex")}.part`;
  try {
    const file = await open(part, "wx", 0o600);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

async function removeOldEntries(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!OWN_FILES.test(name)) continue;
    const path = join(folder, name);
    try {
      const { mtimeMs } = await lstat(path);
      if (Date.now() - mtimeMs > MAX_AGE_IN_MS) await rm(path, { force: true });
    } catch {
      // Another process was faster.
    }
  }
}

function isOwnerAlive(owner: string, savedAt: number): boolean {
  try {
    return isAlive(JSON.parse(owner) as PartOwner, Date.now() - savedAt);
  } catch {
    return false;
  }
}
