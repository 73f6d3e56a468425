import { setImmediate } from "node:timers/promises";
import type { Digest } from "@acrkit/oci";
import type { FileBlobs } from "./files/blobs.ts";
import type { FolderLayout } from "./files/layout.ts";
import { sweepBlobs } from "./files/sweep.ts";
import type { FileUploads } from "./files/uploads.ts";
import type { Quota } from "./quota.ts";
import type { Database } from "./sqlite/database.ts";

/** What is collected. */
export interface GarbageOptions {
  /**
   * How long a blob that no manifest refers to is kept after it was pushed, mounted or asked for by HEAD, in milliseconds
   * of the emulator's clock: its manifest may be still to come. @default 1 day
   */
  readonly olderThanMs?: number;
  /** How long an upload nobody writes to is kept, likewise. @default 7 days, as distribution does */
  readonly uploadsOlderThanMs?: number;
}

/** What a collection has removed. */
export interface GarbageCollected {
  /** Blobs taken from a repository; another one may have them still. */
  readonly unlinkedCount: number;
  /** Blobs that no repository has any more. */
  readonly blobCount: number;
  readonly uploadCount: number;
  /** Files that no record led to. */
  readonly strayFileCount: number;
  /** Bytes of those blobs and uploads. */
  readonly sizeInBytes: number;
}

const HOUR_MS = 60 * 60 * 1000;
export const BLOBS_KEPT_MS = 24 * HOUR_MS;
export const UPLOADS_KEPT_MS = 7 * 24 * HOUR_MS;

/** Looked at in one turn of the event loop: about a millisecond's work. */
const BATCH = 200;

/**
 * Removes what nothing refers to.
 *
 * Every batch is looked at and removed within one turn of the event loop. A manifest's push checks for its blobs and is
 * written within one turn, too: so it comes before, and its blobs are no garbage, or after, and is told that they are
 * missing.
 */
export async function collectGarbage(
  { database, blobs, uploads, layout, quota, now }: GarbageSources,
  { olderThanMs = BLOBS_KEPT_MS, uploadsOlderThanMs = UPLOADS_KEPT_MS }: GarbageOptions,
): Promise<GarbageCollected> {
  const before = now() - olderThanMs;
  let [unlinkedCount, blobCount, blobBytes] = [0, 0, 0];
  await eachBatch(database, LINKS, (rows) => {
    const garbage = rows.filter((row) => row.isReferred === 0 && Number(row.linkedAt) <= before);
    if (garbage.length === 0) return;
    const held = quota.usage();
    database.transaction(() => {
      for (const { repository, digest } of garbage) blobs.unlink(String(repository), digest as Digest);
    });
    const left = quota.usage();
    unlinkedCount += garbage.length;
    blobCount += held.blobCount - left.blobCount;
    blobBytes += held.sizeInBytes - left.sizeInBytes;
  });
  await eachBatch(database, REFERENCES, (rows) => {
    const sql = "DELETE FROM manifest_blob WHERE repository = ? AND digest = ? AND manifest = ?";
    database.transaction(() => {
      for (const { repository, digest, manifest, isAlive } of rows) {
        if (isAlive === 0) database.run(sql, String(repository), String(digest), String(manifest));
      }
    });
  });
  const removed = await uploads.removeOlderThan(uploadsOlderThanMs);
  await blobs.removedUnlinked();
  const strayFileCount = await sweepBlobs(layout, (digest) => blobs.removeUnlinked(digest));
  return {
    unlinkedCount,
    blobCount,
    uploadCount: removed.count,
    strayFileCount,
    sizeInBytes: blobBytes + removed.sizeInBytes,
  };
}

/** What a collection works on. */
export interface GarbageSources {
  readonly database: Database;
  readonly blobs: FileBlobs;
  readonly uploads: FileUploads;
  readonly layout: FolderLayout;
  readonly quota: Quota;
  readonly now: () => number;
}

/** A manifest that was deleted softly comes back with its blobs, so it keeps them. */
const IS_ALIVE = `(EXISTS (SELECT 1 FROM manifest WHERE repository = own.repository AND name = own.manifest)
  OR EXISTS (SELECT 1 FROM deleted_manifest WHERE repository = own.repository AND digest = own.manifest))`;

const LINKS = {
  key: "repository, digest",
  sql: `SELECT repository, digest, linkedAt, EXISTS (SELECT 1 FROM manifest_blob AS own
      WHERE own.repository = blob_link.repository AND own.digest = blob_link.digest AND ${IS_ALIVE}) AS isReferred
    FROM blob_link WHERE (repository, digest) > (?, ?) ORDER BY repository, digest LIMIT ${BATCH}`,
};

const REFERENCES = {
  key: "repository, digest, manifest",
  sql: `SELECT repository, digest, manifest, ${IS_ALIVE} AS isAlive FROM manifest_blob AS own
    WHERE (repository, digest, manifest) > (?, ?, ?) ORDER BY repository, digest, manifest LIMIT ${BATCH}`,
};

type Rows = ReturnType<Database["all"]>;

async function eachBatch(
  database: Database,
  { key, sql }: { readonly key: string; readonly sql: string },
  look: (rows: Rows) => void,
): Promise<void> {
  const columns = key.split(", ");
  for (let after = columns.map(() => ""); ; ) {
    const rows = database.all(sql, ...after);
    look(rows);
    const last = rows.at(-1);
    if (last === undefined || rows.length < BATCH) return;
    after = columns.map((column) => String(last[column]));
    await setImmediate();
  }
}
