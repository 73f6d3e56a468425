import { concatBytes } from "@acrkit/oci";
import type { ContentReader } from "./content-reader.ts";

/** Bytes in memory, and where they belong. */
export interface Chunk {
  readonly from: number;
  readonly bytes: Uint8Array;
  /** True when the content ends with them. */
  readonly isLast: boolean;
}

/**
 * The content in chunks held in memory: one to be sent, and the next, which is read and hashed while that is on its way.
 *
 * What has been taken from the content stays here until the registry has it, so that a chunk can be sent again, in smaller
 * ones if need be, without going back to the content.
 */
export class ChunkQueue {
  readonly #reader: ContentReader;
  #head: Chunk | undefined;
  #ahead: Promise<Chunk> | undefined;
  /** Buffers made here; others are the content's, and not to be written to. */
  readonly #own = new WeakSet<ArrayBufferLike>();
  /** One of them that nobody reads from any more. */
  #spare: Uint8Array | undefined;

  constructor(reader: ContentReader) {
    this.#reader = reader;
  }

  /** The next chunk to send, from `minBytes` to `maxBytes`; smaller only at the end. Undefined when all has been sent. */
  async head(maxBytes: number, minBytes: number): Promise<Chunk | undefined> {
    if (this.#head === undefined) {
      this.#head = await (this.#ahead ?? this.#take(maxBytes));
      this.#ahead = undefined;
    }
    // The rest of a chunk of which the registry has the beginning may be less than it takes.
    while (this.#head.bytes.byteLength < minBytes && !this.#head.isLast) {
      const next = await (this.#ahead ?? this.#take(maxBytes));
      this.#ahead = undefined;
      const bytes = concatBytes([this.#head.bytes, next.bytes]);
      this.#head = { from: this.#head.from, bytes, isLast: next.isLast };
    }
    const { from, bytes } = this.#head;
    if (bytes.byteLength === 0) return undefined;
    return bytes.byteLength <= maxBytes ? this.#head : { from, bytes: bytes.subarray(0, maxBytes), isLast: false };
  }

  /** Begins to read the chunk after the present one, unless that has been done. */
  readAhead(maxBytes: number): void {
    if (this.#head === undefined || this.#head.isLast) return;
    this.#ahead ??= this.#take(maxBytes);
    // Whoever waits for it hears of its failure; nobody may.
    this.#ahead.catch(() => {});
  }

  /** Whether the upload can go on from `offset` with what is held here. */
  holds(offset: number): boolean {
    const head = this.#head;
    return head !== undefined && offset >= head.from && offset <= head.from + head.bytes.byteLength;
  }

  /** Drops what stands before `offset`, which the registry has. */
  goOnFrom(offset: number): void {
    const head = this.#head;
    if (head === undefined) return;
    const bytes = head.bytes.subarray(offset - head.from);
    const isSent = bytes.byteLength === 0 && !head.isLast;
    this.#head = isSent ? undefined : { from: offset, bytes, isLast: head.isLast };
  }

  /** The same after an answer; `isFree` says that nobody looks at what was sent any more, whom the transport gave it to. */
  confirm(offset: number, isFree: boolean): void {
    const buffer = this.#head?.bytes.buffer;
    this.goOnFrom(offset);
    if (buffer === undefined) return;
    if (!isFree) this.#own.delete(buffer);
    else if (this.#head === undefined && this.#own.has(buffer)) this.#spare = new Uint8Array(buffer);
  }

  /** Drops everything, once nothing is being read any more; the content must go back to be read again. */
  async clear(): Promise<void> {
    await this.#ahead?.catch(() => {});
    this.#head = undefined;
    this.#ahead = undefined;
  }

  /** One piece is passed on as it is. Several are copied as they come, so that they are not held beside the chunk. */
  async #take(maxBytes: number): Promise<Chunk> {
    const from = this.#reader.position;
    const first = (await this.#reader.next(maxBytes)) ?? new Uint8Array();
    if (first.byteLength === maxBytes || !(await this.#reader.hasMore())) {
      return { from, bytes: first, isLast: !(await this.#reader.hasMore()) };
    }
    const { sizeInBytes } = this.#reader;
    const buffer = this.#buffer(Math.min(maxBytes, sizeInBytes === undefined ? maxBytes : sizeInBytes - from));
    let length = 0;
    for (let piece: Uint8Array | undefined = first; piece !== undefined; ) {
      buffer.set(piece, length);
      length += piece.byteLength;
      this.#reader.release(piece);
      piece = length < buffer.byteLength ? await this.#reader.next(buffer.byteLength - length) : undefined;
    }
    return { from, bytes: buffer.subarray(0, length), isLast: !(await this.#reader.hasMore()) };
  }

  #buffer(length: number): Uint8Array {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare !== undefined && spare.byteLength >= length) return spare.subarray(0, length);
    const made = new Uint8Array(length);
    this.#own.add(made.buffer);
    return made;
  }
}
