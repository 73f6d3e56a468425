import { QuotaExceededError } from "./errors.ts";
import type { Database } from "./sqlite/database.ts";

/** How much a registry holds. */
export interface Usage {
  /** Bytes of blobs, each counted once however many repositories have it, and of manifests. */
  readonly sizeInBytes: number;
  readonly blobCount: number;
  readonly manifestCount: number;
  readonly tagCount: number;
}

/** How much the registry may hold; without a number, as much as there is room for. */
export class Quota {
  readonly #database: Database;
  readonly #quotaBytes: number;

  constructor(database: Database, quotaBytes = Number.POSITIVE_INFINITY) {
    if (!(quotaBytes >= 0)) throw new TypeError(`quotaBytes: ${quotaBytes} is not a number of bytes`);
    this.#database = database;
    this.#quotaBytes = quotaBytes;
  }

  get isLimited(): boolean {
    return this.#quotaBytes !== Number.POSITIVE_INFINITY;
  }

  usage(): Usage {
    const row = this.#database.get("SELECT * FROM usage") ?? {};
    return {
      sizeInBytes: Number(row.blobBytes) + Number(row.manifestBytes),
      blobCount: Number(row.blobCount),
      manifestCount: Number(row.manifestCount),
      tagCount: Number(row.tagCount),
    };
  }

  /** Bytes that can still be added. */
  roomInBytes(): number {
    return this.isLimited ? this.#quotaBytes - this.usage().sizeInBytes : Number.POSITIVE_INFINITY;
  }

  /** @throws {QuotaExceededError} so many bytes more would be too many */
  assertRoom(moreBytes: number): void {
    if (moreBytes > this.roomInBytes()) throw new QuotaExceededError(this.#quotaBytes);
  }
}
