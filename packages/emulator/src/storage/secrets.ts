import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { syncPath } from "./files/sync.ts";

/** Small texts that outlive the process: keys, certificates. */
export interface Secrets {
  /** The text under `name`; made by `create` and kept when there is none yet. */
  getOrCreate(name: string, create: () => string | Promise<string>): Promise<string>;
  /** Where the text under `name` is. */
  path(name: string): string;
}

/** Keeps each text in a file that only its owner can read; `durable` for one that a power failure must not take. */
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
      await mkdir(folder, { recursive: true });
      // Renamed into place, so that a crash leaves either the whole text or none.
      const temporary = path(`.${name}.${randomUUID()}`);
      await writeFile(temporary, text, { mode: 0o600, flush: durable });
      await rename(temporary, path(name));
      if (durable) await syncPath(folder);
      return text;
    },
  };
}
