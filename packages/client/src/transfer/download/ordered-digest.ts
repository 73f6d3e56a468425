import type { Digester } from "@acrkit/oci";

/** Bytes that are on their way into the file, or there. */
export interface Batch {
  readonly at: number;
  readonly sizeInBytes: number;
  /** Undefined once they have been given back. */
  bytes: Uint8Array | undefined;
  /** False for what is to be read back from the file when its turn comes. */
  readonly isHeld: boolean;
  isDigested: boolean;
  isStored: boolean;
}

/** What is read back at a time. */
const READ_BACK_BYTES = 1024 * 1024;

export interface OrderedDigestParts {
  readonly digester: Digester;
  /** Reads what has been stored, and gives the number of bytes that it got: one at least. */
  readonly readBack: (at: number, into: Uint8Array) => Promise<number>;
  readonly maxHeldBytes: number;
  /** Told of bytes that are stored, and not needed here any more. */
  readonly release: (bytes: Uint8Array) => void;
  readonly onFailure: (error: unknown) => void;
}

/**
 * The digest of bytes that come out of order. What is ahead of its turn is held in memory up to a bound; beyond that it is
 * read back from the file, where it is by then.
 */
export class OrderedDigest {
  readonly #parts: OrderedDigestParts;
  /** By where they begin: the next one begins where the digest is. */
  readonly #ahead = new Map<number, Batch>();
  #position = 0;
  #heldBytes = 0;
  #reading: Promise<void> | undefined;
  #isStopped = false;
  #readBuffer: Uint8Array | undefined;

  constructor(parts: OrderedDigestParts) {
    this.#parts = parts;
  }

  /** Takes bytes that are about to be stored, and must stay as they are until `release`. */
  add(at: number, bytes: Uint8Array): Batch {
    const sizeInBytes = bytes.byteLength;
    const isItsTurn = at === this.#position && this.#reading === undefined;
    const isHeld = isItsTurn || this.#heldBytes + sizeInBytes <= this.#parts.maxHeldBytes;
    const batch: Batch = { at, sizeInBytes, bytes, isHeld, isDigested: false, isStored: false };
    if (isHeld) this.#heldBytes += sizeInBytes;
    this.#ahead.set(at, batch);
    this.#advance();
    return batch;
  }

  /** Says of a batch that it can be read back now. */
  stored(batch: Batch): void {
    batch.isStored = true;
    if (!batch.isHeld || batch.isDigested) this.#release(batch);
    this.#advance();
  }

  /** Takes bytes that were in the file before. */
  addStored(at: number, sizeInBytes: number): void {
    this.#ahead.set(at, { at, sizeInBytes, bytes: undefined, isHeld: false, isDigested: false, isStored: true });
    this.#advance();
  }

  /** Reads nothing back any more: the digest is not wanted. What is being read is still to be waited for. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Waits for what has to be read back; call it once everything has been stored. */
  async settled(): Promise<void> {
    while (this.#reading !== undefined) await this.#reading;
  }

  #advance(): void {
    while (this.#reading === undefined && !this.#isStopped) {
      const batch = this.#ahead.get(this.#position);
      if (batch === undefined) return;
      if (batch.isHeld && batch.bytes !== undefined) {
        this.#ahead.delete(batch.at);
        this.#heldBytes -= batch.sizeInBytes;
        this.#parts.digester.update(batch.bytes);
        this.#position += batch.sizeInBytes;
        batch.isDigested = true;
        if (batch.isStored) this.#release(batch);
        continue;
      }
      if (!batch.isStored) return;
      this.#reading = this.#catchUp(batch)
        .catch((error: unknown) => this.#parts.onFailure(error))
        .finally(() => {
          this.#reading = undefined;
          this.#advance();
        });
    }
  }

  async #catchUp({ at, sizeInBytes }: Batch): Promise<void> {
    this.#ahead.delete(at);
    this.#readBuffer ??= new Uint8Array(READ_BACK_BYTES);
    for (let done = 0; done < sizeInBytes && !this.#isStopped; ) {
      const into = this.#readBuffer.subarray(0, Math.min(READ_BACK_BYTES, sizeInBytes - done));
      const count = await this.#parts.readBack(at + done, into);
      this.#parts.digester.update(into.subarray(0, count));
      done += count;
    }
    this.#position += sizeInBytes;
  }

  #release(batch: Batch): void {
    const { bytes } = batch;
    batch.bytes = undefined;
    if (bytes !== undefined) this.#parts.release(bytes);
  }
}
