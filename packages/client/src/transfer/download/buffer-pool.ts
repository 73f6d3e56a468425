/**
 * Buffers of one size, used again and again. What a connection gives is copied into them and dies young; held as it came, it
 * would outlive the cheap collections of garbage, and wait in some hundred MiB for the dear one.
 */
export class BufferPool {
  readonly #bufferBytes: number;
  readonly #free: ArrayBuffer[] = [];

  constructor(bufferBytes: number) {
    this.#bufferBytes = bufferBytes;
  }

  /** Of the pool's size, holding anything. */
  take(): Uint8Array {
    return new Uint8Array(this.#free.pop() ?? new ArrayBuffer(this.#bufferBytes));
  }

  /** Takes back a buffer, or the part of it that was used; nobody may look at it any more. */
  give(bytes: Uint8Array): void {
    this.#free.push(bytes.buffer as ArrayBuffer);
  }
}
