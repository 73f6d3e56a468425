import { type ByteSource, collectBytes } from "@acrkit/oci";

/**
 * Cuts a source into chunks of a bounded size without holding one: each chunk is itself a source, to be read to its end
 * before the next. Pieces are never copied, only split at a chunk's end.
 */
export class ChunkReader {
  readonly #parts: AsyncIterator<Uint8Array>;
  #pending: Uint8Array | undefined;
  #ended = false;
  #isReading = false;

  constructor(source: ByteSource) {
    this.#parts = source[Symbol.asyncIterator]();
  }

  /** False once everything has been read; looks one piece ahead, so that no empty chunk is begun. */
  async hasMore(): Promise<boolean> {
    while (this.#pending === undefined && !this.#ended) {
      const { done, value } = await this.#read();
      if (done === true) this.#ended = true;
      else if (value.byteLength > 0) this.#pending = value;
    }
    return this.#pending !== undefined;
  }

  /** The next `maxBytes` at the most. */
  async *chunk(maxBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    let left = maxBytes;
    while (left > 0 && (await this.hasMore())) {
      const part = this.#pending as Uint8Array;
      this.#pending = part.byteLength > left ? part.subarray(left) : undefined;
      const head = part.byteLength > left ? part.subarray(0, left) : part;
      left -= head.byteLength;
      yield head;
    }
  }

  /** The same in memory, where a body cannot be streamed. */
  chunkInMemory(maxBytes: number): Promise<Uint8Array> {
    return collectBytes(this.chunk(maxBytes), maxBytes, "a chunk");
  }

  /** Closes the source, read to its end or not. One that stands still closes when it moves again; nobody waits for that. */
  async close(): Promise<void> {
    this.#ended = true;
    const closed = this.#parts.return?.();
    if (this.#isReading) closed?.catch(() => {});
    else await closed;
  }

  async #read(): Promise<IteratorResult<Uint8Array>> {
    this.#isReading = true;
    try {
      return await this.#parts.next();
    } finally {
      this.#isReading = false;
    }
  }
}
