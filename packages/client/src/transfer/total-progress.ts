import type { OnProgress, TransferProgress } from "./progress.ts";

/** How far many transfers have come together. */
export interface TransferTotals {
  /** All that were added, those that wait for their turn among them. */
  readonly transfers: number;
  /** Those that are done: verified, skipped or mounted. */
  readonly finished: number;
  /** Bytes so far; goes back when a transfer has to send or read some again. Is `totalBytes` only once all are done. */
  readonly loadedBytes: number;
  /** Undefined while one of them has not said how large it is. */
  readonly totalBytes: number | undefined;
}

/** What made the totals change. */
export interface NamedTransferProgress {
  readonly name: string;
  readonly progress: TransferProgress;
}

interface Part {
  loadedBytes: number;
  totalBytes: number | undefined;
  finished: boolean;
}

/**
 * Adds up the progress of many transfers, uploads and downloads alike. It only adds: starting the transfers, and waiting for
 * them, stays with the caller.
 *
 * Like `onProgress` itself it never says that everything is there before every digest is proven. What the function throws
 * ends the transfer whose progress it was told.
 *
 * @example
 * ```ts
 * import { TotalProgress } from "@acrkit/client";
 *
 * const total = new TotalProgress(({ finished, transfers, loadedBytes, totalBytes }, { name, progress }) => {
 *   console.log(`${finished}/${transfers} ${loadedBytes}/${totalBytes ?? "?"} bytes; ${name}: ${progress.kind}`);
 * });
 * const layers = ["first layer", "second layer"];
 * await Promise.all(
 *   layers.map((content, index) => {
 *     const onProgress = total.add(`layer ${index + 1}`, content.length);
 *     return client.uploadBlob("team/app", content, { onProgress });
 *   }),
 * );
 * ```
 */
export class TotalProgress {
  readonly #onTotals: (totals: TransferTotals, last: NamedTransferProgress) => void;
  readonly #parts = new Map<string, Part>();
  // Kept up to date rather than added up for every event: there may be thousands of parts.
  #finished = 0;
  #loadedBytes = 0;
  #totalBytes = 0;
  #unknown = 0;

  constructor(onTotals: (totals: TransferTotals, last: NamedTransferProgress) => void) {
    this.#onTotals = onTotals;
  }

  /** As they are now. */
  get totals(): TransferTotals {
    const transfers = this.#parts.size;
    const totalBytes = this.#unknown > 0 ? undefined : this.#totalBytes;
    const isDone = this.#finished === transfers;
    return {
      transfers,
      finished: this.#finished,
      // All bytes of a blob may have moved that then turns out to be wrong.
      loadedBytes:
        isDone || totalBytes === undefined
          ? this.#loadedBytes
          : Math.max(0, Math.min(this.#loadedBytes, totalBytes - 1)),
      totalBytes,
    };
  }

  /**
   * A transfer's `onProgress`. A name that is there already is the same transfer, which begins again: what the earlier one
   * came to is taken back.
   *
   * @param sizeInBytes - where it is known beforehand, so that the total is known before every transfer has had its turn
   */
  add(name: string, sizeInBytes?: number): OnProgress {
    this.forget(name);
    const part: Part = { loadedBytes: 0, totalBytes: sizeInBytes, finished: false };
    this.#parts.set(name, part);
    this.#count(part, 1);
    return (progress) => {
      // One that has been forgotten, or begun again, may still have something to say.
      if (this.#parts.get(name) !== part) return;
      this.#count(part, -1);
      part.loadedBytes = progress.loadedBytes;
      part.totalBytes = progress.totalBytes ?? part.totalBytes;
      part.finished = progress.kind === "verified" || progress.kind === "skipped" || progress.kind === "mounted";
      this.#count(part, 1);
      this.#onTotals(this.totals, { name, progress });
    };
  }

  /** Leaves out a transfer, which is for one that failed: a failure is told by its promise and is no progress. */
  forget(name: string): void {
    const part = this.#parts.get(name);
    if (part === undefined) return;
    this.#count(part, -1);
    this.#parts.delete(name);
  }

  /** @param sign - 1 puts the part into the sums, -1 takes it out */
  #count(part: Part, sign: 1 | -1): void {
    this.#loadedBytes += sign * part.loadedBytes;
    if (part.totalBytes === undefined) this.#unknown += sign;
    else this.#totalBytes += sign * part.totalBytes;
    if (part.finished) this.#finished += sign;
  }
}
