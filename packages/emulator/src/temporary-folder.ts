import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Those that are there; one listener for all, since Node warns of many. */
const folders = new Set<string>();

/** A folder that is removed when it is no longer needed, at the latest when the process ends of its own accord. */
export interface TemporaryFolder {
  readonly path: string;
  remove(): Promise<void>;
}

export async function makeTemporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), "acrkit-emulator-"));
  if (folders.size === 0) process.on("exit", removeAll);
  folders.add(path);
  return {
    path,
    async remove() {
      // Retried, since a request that was just cut off may still be writing there.
      await rm(path, { recursive: true, force: true, maxRetries: 3 });
      folders.delete(path);
      if (folders.size === 0) process.off("exit", removeAll);
    },
  };
}

/** For whoever calls `process.exit` with an emulator open. */
function removeAll(): void {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
}
