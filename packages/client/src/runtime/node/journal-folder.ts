import { chmod, lstat, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { JournalFolder } from "../port.ts";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";
import { isAlive, type ProcessOwner, thisProcess } from "./process-owner.ts";

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
    // What another user wrote could lead this one's content elsewhere.
    read: (name) => readPrivateFile(path(name), MAX_ENTRY_BYTES),
    write: (name, text) => writePrivateFile(path(name), text),
    remove: (name) => rm(path(name), { force: true }),
  };
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
    return isAlive(JSON.parse(owner) as ProcessOwner, Date.now() - savedAt);
  } catch {
    return false;
  }
}
