import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { DataFolderError } from "../errors.ts";
import type { FolderLayout } from "./layout.ts";

/*
 * What keeps a second emulator out is the lock on the database, which the system gives back however a process ends. This
 * file only says who has it, for the message; left behind by a crash it means nothing.
 */

/** Notes that this process has the folder. */
export function writeOwner({ owner }: FolderLayout): void {
  try {
    writeFileSync(owner, `${process.pid} ${hostname()}\n`);
  } catch {
    // A full disk does not keep what is there from being read.
  }
}

/** Takes the note away. */
export function removeOwner({ owner }: FolderLayout): void {
  rmSync(owner, { force: true });
}

/** The error for a folder that another emulator has. */
export function inUse(folder: string, { owner }: FolderLayout, cause: unknown): DataFolderError {
  return new DataFolderError(
    "DATA_FOLDER_IN_USE",
    folder,
    `the data folder ${folder} is in use by another emulator (${ownerOf(owner)}): stop that one, or use another folder`,
    { cause },
  );
}

function ownerOf(owner: string): string {
  const [, pid, host] = /^(\d+) (\S+)$/m.exec(readIfThere(owner)) ?? [];
  if (pid === undefined) return "its process is not known";
  if (host !== hostname()) return `process ${pid} on ${host}`;
  return pid === String(process.pid) ? `in this same process, ${pid}` : `process ${pid}`;
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
