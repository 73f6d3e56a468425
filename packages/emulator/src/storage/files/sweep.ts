import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "@acrkit/oci";
import type { FolderLayout } from "./layout.ts";

/** distribution purges uploads after a week, and ACR is a relative of it. */
const UPLOAD_KEPT_MS = 7 * 24 * 60 * 60 * 1000;

/** Removes what a crash, or clients that never came back, left behind: files without a link, old uploads. */
export async function sweep(layout: FolderLayout, isLinked: (digest: Digest) => boolean): Promise<void> {
  await rm(layout.removed, { recursive: true, force: true });
  for (const algorithm of await readdir(layout.blobs).catch(() => [])) {
    for (const file of await readdir(join(layout.blobs, algorithm), { recursive: true, withFileTypes: true })) {
      if (file.isFile() && !isLinked(`${algorithm}:${file.name}` as Digest)) await rm(join(file.parentPath, file.name));
    }
  }
  for (const upload of await readdir(layout.uploads).catch(() => [])) {
    const file = join(layout.uploads, upload);
    if (Date.now() - (await stat(file)).mtimeMs > UPLOAD_KEPT_MS) await rm(file, { force: true });
  }
}
