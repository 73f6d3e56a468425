import { randomUUID } from "node:crypto";
import { openSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type Digest, digestOf } from "@acrkit/oci";
import { asDiskFull } from "../errors.ts";
import type { Quota } from "../quota.ts";
import type { Database } from "../sqlite/database.ts";
import type { BlobContent, BlobStore } from "../store.ts";
import { fileContent } from "./file-content.ts";
import type { FolderLayout } from "./layout.ts";
import { syncPath } from "./sync.ts";

/** Asking for a blob makes its link young again, at most once in this time: most questions then cost no write. */
const TOUCH_MS = 60_000;

/**
 * Blobs as files named by their digest, and the database's links to them.
 *
 * The link makes the blob: it is written after the file is complete and in its place (on the disk, when that is to be),
 * and removed before the file is. So a crash leaves at most a file without a link, which the next start removes, and never
 * a link without its file. While a file is moved in or out its digest is busy, and whoever brings the same bytes waits.
 */
export class FileBlobs implements BlobStore {
  readonly #layout: FolderLayout;
  readonly #database: Database;
  readonly #quota: Quota;
  readonly #durable: boolean;
  readonly #now: () => number;
  readonly #busyUploads: Set<string>;
  readonly #busy = new Map<Digest, Promise<void>>();
  #unlinked = new Set<Digest>();
  #removing: Promise<void> | undefined;

  constructor(
    layout: FolderLayout,
    database: Database,
    quota: Quota,
    busyUploads: Set<string>,
    { durable, now }: { readonly durable: boolean; readonly now: () => number },
  ) {
    this.#layout = layout;
    this.#database = database;
    this.#quota = quota;
    this.#busyUploads = busyUploads;
    this.#durable = durable;
    this.#now = now;
  }

  size(repository: string, digest: Digest): number | undefined {
    const row = this.#database.get(
      "SELECT size FROM blob_link WHERE repository = ? AND digest = ?",
      repository,
      digest,
    );
    return row === undefined ? undefined : Number(row.size);
  }

  sizeAnywhere(digest: Digest): number | undefined {
    const row = this.#database.get("SELECT size FROM blob_link WHERE digest = ? LIMIT 1", digest);
    return row === undefined ? undefined : Number(row.size);
  }

  touch(repository: string, digest: Digest): void {
    const now = this.#now();
    const sql = "UPDATE blob_link SET linkedAt = ? WHERE repository = ? AND digest = ? AND linkedAt < ?";
    this.#database.run(sql, now, repository, digest, now - TOUCH_MS);
  }

  link(repository: string, digest: Digest, sizeInBytes: number): void {
    this.#database.run(
      `INSERT INTO blob_link (repository, digest, size, linkedAt) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET linkedAt = excluded.linkedAt`,
      repository,
      digest,
      sizeInBytes,
      this.#now(),
    );
  }

  manifestsWith(repository: string, digest: Digest): Digest[] {
    const sql = "SELECT manifest FROM manifest_blob WHERE repository = ? AND digest = ?";
    return this.#database.all(sql, repository, digest).map(({ manifest }) => manifest as Digest);
  }

  unlink(repository: string, digest: Digest): boolean {
    const sql = "DELETE FROM blob_link WHERE repository = ? AND digest = ?";
    if (this.#database.run(sql, repository, digest) === 0) return false;
    this.#removeLater([digest]);
    return true;
  }

  /** Takes every blob from a repository. */
  unlinkAll(repository: string): void {
    const rows = this.#database.all("SELECT digest FROM blob_link WHERE repository = ?", repository);
    this.#database.run("DELETE FROM blob_link WHERE repository = ?", repository);
    this.#removeLater(rows.map(({ digest }) => digest as Digest));
  }

  open(digest: Digest, range?: { readonly start: number; readonly end: number }): BlobContent {
    // Opened at once: who has just seen the blob reads it to the end, whoever deletes it.
    const fd = openSync(this.#layout.blob(digest), "r");
    return fileContent(fd, range);
  }

  async put(repository: string, content: Uint8Array): Promise<Digest> {
    const uuid = randomUUID();
    const file = this.#layout.upload(uuid);
    // Held like any upload: by the emulator's clock it may look old.
    this.#busyUploads.add(uuid);
    try {
      await writeFile(file, content);
      const digest = digestOf(content);
      await this.place(file, repository, digest, content.byteLength);
      return digest;
    } catch (error) {
      await rm(file, { force: true });
      throw asDiskFull(error, this.#layout.folder);
    } finally {
      this.#busyUploads.delete(uuid);
    }
  }

  /** Makes a file whose digest is known a blob of the repository; bytes that are there already are not replaced. */
  async place(file: string, repository: string, digest: Digest, sizeInBytes: number): Promise<void> {
    // Nothing may await between the end of the wait and the moment in which the digest is busy again.
    while (this.#busy.has(digest)) await Promise.allSettled([this.#busy.get(digest)]);
    if (this.sizeAnywhere(digest) !== undefined) {
      this.link(repository, digest, sizeInBytes);
      await rm(file, { force: true });
      return;
    }
    await this.#whileBusy(digest, async () => {
      const target = this.#layout.blob(digest);
      this.#quota.assertRoom(sizeInBytes);
      await this.#moveIn(file, target);
      try {
        // Asked again, since others may have come in between; from here to the link nothing awaits.
        this.#quota.assertRoom(sizeInBytes);
        this.link(repository, digest, sizeInBytes);
      } catch (error) {
        await rm(target, { force: true });
        throw error;
      }
    });
  }

  /** Whether a file is on its way in or out. */
  get isMoving(): boolean {
    return this.#busy.size > 0;
  }

  /** Resolves when the files that are on their way now have arrived; others may have set out meanwhile. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#busy.values());
  }

  /** Resolves when the files of all blobs that have been unlinked so far are removed. */
  async removedUnlinked(): Promise<void> {
    while (this.#removing !== undefined) await this.#removing;
  }

  /** Removes the file when nothing is linked to it; resolves to whether there was none. */
  async removeUnlinked(digest: Digest): Promise<boolean> {
    if (this.#busy.has(digest) || this.sizeAnywhere(digest) !== undefined) return false;
    await this.#whileBusy(digest, async () => {
      // The link's end must not be taken back by a power failure that the file's end survives.
      await this.#database.sync();
      await rm(this.#layout.blob(digest), { force: true });
    });
    return true;
  }

  /** Moves a file to its place, and there the disk gets it; without a link nobody sees it yet. */
  async #moveIn(file: string, target: string): Promise<void> {
    const folder = dirname(target);
    try {
      try {
        await rename(file, target);
      } catch (error) {
        if (!isMissing(error)) throw error;
        await makeFolders(dirname(folder), folder);
        if (this.#durable) await Promise.all([syncPath(this.#layout.blobs), syncPath(dirname(folder))]);
        await rename(file, target);
      }
      if (this.#durable) await Promise.all([syncPath(target), syncPath(folder)]);
    } catch (error) {
      throw asDiskFull(error, this.#layout.folder);
    }
  }

  async #whileBusy(digest: Digest, work: () => Promise<void>): Promise<void> {
    const working = work().finally(() => this.#busy.delete(digest));
    this.#busy.set(digest, working);
    await working;
  }

  /** Once it is certain that the links are gone; one after the other, as a repository may have had very many. */
  #removeLater(digests: readonly Digest[]): void {
    this.#database.afterCommit(() => {
      for (const digest of digests) this.#unlinked.add(digest);
      this.#startRemoving();
    });
  }

  #startRemoving(): void {
    if (this.#removing !== undefined || this.#unlinked.size === 0) return;
    this.#removing = this.#removeAll()
      // What fails here is garbage, and removed at the next start.
      .catch(() => {})
      .finally(() => {
        this.#removing = undefined;
        this.#startRemoving();
      });
  }

  async #removeAll(): Promise<void> {
    const digests = this.#unlinked;
    this.#unlinked = new Set();
    for (const digest of digests) await this.removeUnlinked(digest);
  }
}

/** Each in one that is there: when the data folder has been removed, since the emulator was closed, it must not come back. */
async function makeFolders(...folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
