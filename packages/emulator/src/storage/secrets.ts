import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { syncPath } from "./files/sync.ts";

/** Small texts that outlive the process: keys, certificates. */
export interface Secrets {
  /**
   * The text under `name`; made by `create` and kept when there is none yet. Of several that are made at once the first one
   * is kept, and all get that.
   */
  getOrCreate(name: string, create: () => string | Promise<string>): Promise<string>;
  /** Where the text under `name` is. */
  path(name: string): string;
}

/**
 * Keeps each text in a file that only its owner can read; `durable` for one that a power failure must not take.
 *
 * The folder has to be there when something is kept, and is not made: when it has been removed, since the emulator was
 * closed, a key that was being made meanwhile must not bring it back.
 */
export function createFileSecrets(folder: string, { durable }: { readonly durable: boolean }): Secrets {
  const path = (name: string) => join(folder, name);
  return {
    path,
    async getOrCreate(name, create) {
      try {
        return await readFile(path(name), "utf8");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
      const text = await create();
      // Put in its place when it is whole, so that a crash leaves either the whole text or none.
      const temporary = path(`.${name}.${randomUUID()}`);
      try {
        await writeFile(temporary, text, { mode: 0o600, flush: durable });
        await putInPlace(temporary, path(name));
      } finally {
        await rm(temporary, { force: true });
      }
      if (durable) await syncPath(folder);
      return await readFile(path(name), "utf8");
    },
  };
}

/** Unless there is a file already. */
async function putInPlace(temporary: string, target: string): Promise<void> {
  try {
    await link(temporary, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    // Not every file system has links; then the last one is kept, of those that are made at once.
    await rename(temporary, target);
  }
}
