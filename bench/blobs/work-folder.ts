import { mkdtemp, rm, statfs } from "node:fs/promises";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";

/** A file system in memory: there, a disk's pace and its cache's moods are not measured. */
const IN_MEMORY = "/dev/shm";

/** The blob, its copy at the server, the copy that is being sent, and the copy that is being fetched. */
const COPIES = 4;

/** Makes a folder for so many bytes of blobs and what becomes of them, and removes it afterwards. */
export async function withWorkFolder<T>(blobBytes: number, use: (folder: string) => Promise<T>): Promise<T> {
  return withFolder((await hasRoomInMemory(blobBytes * COPIES)) ? IN_MEMORY : tmpdir(), use);
}

/** The same where temporary files usually are: for a server whose own writing is measured. */
export function withTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  return withFolder(tmpdir(), use);
}

async function withFolder<T>(parent: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(parent, "acrkit-bench-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** At most half of what is free, so that no program gets less memory than it would take. */
async function hasRoomInMemory(bytes: number): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(IN_MEMORY);
    return bytes < Math.min(bavail * bsize, freemem() / 2);
  } catch {
    return false;
  }
}
