import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, rename, rm } from "node:fs/promises";

/**
 * The text of a file that is this user's own; undefined for anything else: a link, a pipe, another user's, or more than
 * `maxBytes`.
 */
export async function readPrivateFile(path: string, maxBytes: number): Promise<string | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    // Neither through a link that somebody laid, nor waiting for the other end of a pipe. Windows has neither flag.
    file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch {
    return undefined;
  }
  try {
    const found = await file.stat();
    if (!found.isFile() || found.size > maxBytes || !isOwn(found)) return undefined;
    return await file.readFile("utf8");
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}

/** Replaces a file as a whole, for its owner alone: nobody ever reads half of it. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
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

/** Windows has no such numbers. */
export function isOwn({ uid }: { readonly uid: number }): boolean {
  return process.getuid === undefined || uid === process.getuid();
}
