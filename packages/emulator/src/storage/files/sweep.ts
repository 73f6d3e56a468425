import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, isDigest } from "@acrkit/oci";
import type { FolderLayout } from "./layout.ts";

/**
 * Removes files that no link leads to; gives how many. A crash leaves them behind, as does whatever else keeps a blob's
 * removal from being finished.
 *
 * `remove` removes the file of a digest, unless it is linked or just being moved in; it says whether it did.
 */
export async function sweepBlobs(layout: FolderLayout, remove: (digest: Digest) => Promise<boolean>): Promise<number> {
  let count = 0;
  for (const algorithm of await entriesOf(layout.blobs)) {
    for (const prefix of await entriesOf(join(layout.blobs, algorithm))) {
      for (const name of await entriesOf(join(layout.blobs, algorithm, prefix))) {
        const digest = `${algorithm}:${name}`;
        if (isDigest(digest) && (await remove(digest))) count++;
      }
    }
  }
  return count;
}

/** Empties what was moved aside to be removed. */
export async function sweepRemoved(layout: FolderLayout): Promise<void> {
  for (const name of await entriesOf(layout.removed))
    await rm(join(layout.removed, name), { recursive: true, force: true });
}

/** Of what is no folder, nothing: whatever else someone has put there is not ours. */
async function entriesOf(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
