import { randomUUID } from "node:crypto";
import { createReadStream, mkdirSync, renameSync, rmSync } from "node:fs";
import { open, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { type Digest, digestOf } from "@acrkit/oci";
import type { Database } from "../sqlite/database.ts";
import type { BlobStore } from "../store.ts";
import type { FolderLayout } from "./layout.ts";

const READ_BYTES = 1024 * 1024;

/**
 * Blobs as files named by their digest, and the database's links to them.
 *
 * A file is moved into place, or out of it, in the same turn of the event loop in which its link is written or
 * removed: a blob deleted by one request while another pushes it again ends with both link and file, or with neither.
 * A crash in between leaves a file without a link, which the next start removes.
 */
export class FileBlobs implements BlobStore {
  readonly #layout: FolderLayout;
  readonly #database: Database;
  readonly #durable: boolean;

  constructor(layout: FolderLayout, database: Database, { durable }: { durable: boolean }) {
    this.#layout = layout;
    this.#database = database;
    this.#durable = durable;
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

  link(repository: string, digest: Digest, sizeInBytes: number): void {
    this.#database.run(
      "INSERT OR REPLACE INTO blob_link (repository, digest, size) VALUES (?, ?, ?)",
      repository,
      digest,
      sizeInBytes,
    );
  }

  unlink(repository: string, digest: Digest): boolean {
    const sql = "DELETE FROM blob_link WHERE repository = ? AND digest = ?";
    if (this.#database.run(sql, repository, digest) === 0) return false;
    if (this.sizeAnywhere(digest) === undefined) this.#remove(this.#layout.blob(digest));
    return true;
  }

  /** Takes every blob from a repository. */
  unlinkAll(repository: string): void {
    const links = this.#database.all("SELECT digest FROM blob_link WHERE repository = ?", repository);
    for (const { digest } of links) this.unlink(repository, digest as Digest);
  }

  open(digest: Digest, range?: { readonly start: number; readonly end: number }): Readable {
    return createReadStream(this.#layout.blob(digest), { ...range, highWaterMark: READ_BYTES });
  }

  async put(repository: string, content: Uint8Array): Promise<Digest> {
    const file = this.#layout.upload(randomUUID());
    await writeFile(file, content);
    const digest = digestOf(content);
    await this.place(file, repository, digest, content.byteLength);
    return digest;
  }

  /** Moves a file whose digest is known into place, and links it; bytes that are there already are not replaced. */
  async place(file: string, repository: string, digest: Digest, sizeInBytes: number): Promise<void> {
    const target = this.#layout.blob(digest);
    if (this.#durable) await sync(file);
    if (this.sizeAnywhere(digest) === undefined) {
      mkdirSync(dirname(target), { recursive: true });
      renameSync(file, target);
    } else {
      this.#remove(file);
    }
    this.link(repository, digest, sizeInBytes);
    if (this.#durable) await sync(dirname(target));
  }

  #remove(file: string): void {
    // Moved aside at once and deleted later, since deleting a large file takes its time.
    const removed = join(this.#layout.removed, randomUUID());
    try {
      renameSync(file, removed);
    } catch {
      rmSync(file, { force: true });
      return;
    }
    void rm(removed, { force: true }).catch(() => {});
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
