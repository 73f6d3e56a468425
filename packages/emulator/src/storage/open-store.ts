import { mkdir } from "node:fs/promises";
import { FileBlobs } from "./files/blobs.ts";
import { folderLayout } from "./files/layout.ts";
import { sweep } from "./files/sweep.ts";
import { FileUploads } from "./files/uploads.ts";
import { Database } from "./sqlite/database.ts";
import { createManifestStore } from "./sqlite/manifests.ts";
import { createRepositoryStore } from "./sqlite/repositories.ts";
import { createTagStore } from "./sqlite/tags.ts";
import type { Store } from "./store.ts";

/**
 * Opens the store in a data folder, or creates it there.
 *
 * Everything answered for survives a killed process; with `durable` also a power failure, as far as the disk keeps
 * its promises. One process at a time: a second one fails to open the database.
 */
export async function openStore(dataFolder: string, { durable }: { durable: boolean }): Promise<Store> {
  const layout = folderLayout(dataFolder);
  await mkdir(dataFolder, { recursive: true });
  const database = new Database(layout.database, { durable });
  try {
    const blobs = new FileBlobs(layout, database, { durable });
    await sweep(layout, (digest) => blobs.sizeAnywhere(digest) !== undefined);
    for (const folder of [layout.blobs, layout.uploads, layout.removed]) await mkdir(folder, { recursive: true });
    return {
      repositories: createRepositoryStore(database, (repository) => blobs.unlinkAll(repository)),
      tags: createTagStore(database),
      manifests: createManifestStore(database),
      blobs,
      uploads: new FileUploads(layout, (file, repository, digest, size) => blobs.place(file, repository, digest, size)),
      transaction: (work) => database.transaction(work),
      close: () => database.close(),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}
