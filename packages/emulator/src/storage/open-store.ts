import { randomUUID } from "node:crypto";
import { mkdirSync, renameSync } from "node:fs";
import { access, constants, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { asDiskFull, DataFolderError, DiskFullError } from "./errors.ts";
import { FileBlobs } from "./files/blobs.ts";
import { type FolderLayout, folderLayout } from "./files/layout.ts";
import { inUse, removeOwner, writeOwner } from "./files/owner.ts";
import { sweepBlobs, sweepRemoved } from "./files/sweep.ts";
import { FileUploads } from "./files/uploads.ts";
import { collectGarbage, UPLOADS_KEPT_MS } from "./garbage.ts";
import { Quota } from "./quota.ts";
import { Database } from "./sqlite/database.ts";
import { createDeletedStore } from "./sqlite/deleted.ts";
import { createManifestStore } from "./sqlite/manifests.ts";
import { createRepositoryStore } from "./sqlite/repositories.ts";
import { createTagStore } from "./sqlite/tags.ts";
import type { Store } from "./store.ts";

/** How a store is opened. */
export interface StoreOptions {
  /** Whether what `sync` has been awaited for survives a power failure, as far as the disk keeps its promises. */
  readonly durable: boolean;
  /** The most bytes of blobs and manifests that may be held. @default as many as there is room for */
  readonly quotaBytes?: number | undefined;
  /** The clock by which blobs and uploads get old, in milliseconds since 1970. @default the machine's */
  readonly now?: () => number;
}

/**
 * Opens the store in a data folder, or creates it there. Whatever was written survives a killed process.
 *
 * One store at a time has the folder. That ends with its process, however it ends: there is nothing to clean up.
 *
 * @throws {DataFolderError} the folder is in use, of a newer format, or cannot be written
 */
export async function openStore(dataFolder: string, options: StoreOptions): Promise<Store> {
  const { durable, quotaBytes } = options;
  const now = () => Math.floor((options.now ?? Date.now)());
  const layout = folderLayout(dataFolder);
  await prepareFolder(layout);
  const database = openDatabase(layout, { durable, now });
  try {
    writeOwner(layout);
    const quota = new Quota(database, quotaBytes);
    const busyUploads = new Set<string>();
    const blobs = new FileBlobs(layout, database, quota, busyUploads, { durable, now });
    const uploads = new FileUploads(layout, quota, now, busyUploads, (file, repository, digest, size) =>
      blobs.place(file, repository, digest, size),
    );
    await sweepRemoved(layout);
    await sweepBlobs(layout, (digest) => blobs.removeUnlinked(digest));
    await uploads.removeOlderThan(UPLOADS_KEPT_MS);
    return {
      repositories: createRepositoryStore(database, (repository) => blobs.unlinkAll(repository)),
      tags: createTagStore(database),
      manifests: createManifestStore(database, quota),
      deleted: createDeletedStore(database),
      blobs,
      uploads,
      transaction: (work) => database.transaction(work),
      sync: () => database.sync(),
      usage: () => quota.usage(),
      assertRoom: (moreBytes) => quota.assertRoom(moreBytes),
      collectGarbage: (garbage = {}) => collectGarbage({ database, blobs, uploads, layout, quota, now }, garbage),
      async clear() {
        // Who is about to link a file would do it after everything else is gone. From here on nothing awaits.
        while (blobs.isMoving) await blobs.settled();
        database.clear();
        database.syncNow();
        uploads.clear();
        moveFilesAside(layout);
        void sweepRemoved(layout).catch(() => {});
      },
      close() {
        removeOwner(layout);
        database.close();
      },
    };
  } catch (error) {
    removeOwner(layout);
    database.close();
    throw error;
  }
}

async function prepareFolder(layout: FolderLayout): Promise<void> {
  const { folder } = layout;
  try {
    for (const one of [folder, layout.blobs, layout.uploads, layout.removed, layout.secrets])
      await mkdir(one, { recursive: true });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const full = asDiskFull(error, folder);
    if (full instanceof DiskFullError) throw full;
    throw new DataFolderError(
      "DATA_FOLDER_UNUSABLE",
      folder,
      `the data folder ${folder} cannot be used: ${reasonOf(error)}`,
      { cause: error },
    );
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "EEXIST" || code === "ENOTDIR") return "there is a file in its place; name a folder, or one to be made";
  if (code === "EACCES" || code === "EPERM") return "this user may not write there";
  if (code === "EROFS") return "its file system cannot be written";
  return message;
}

function openDatabase(
  layout: FolderLayout,
  options: { readonly durable: boolean; readonly now: () => number },
): Database {
  try {
    return new Database(layout.database, options);
  } catch (error) {
    if (error instanceof DataFolderError && error.code === "DATA_FOLDER_IN_USE") {
      throw inUse(layout.folder, layout, error);
    }
    throw error;
  }
}

/** Empties the folders at once; deleting what was in them takes its time. */
function moveFilesAside(layout: FolderLayout): void {
  for (const folder of [layout.blobs, layout.uploads]) {
    renameSync(folder, join(layout.removed, randomUUID()));
    mkdirSync(folder);
  }
}
