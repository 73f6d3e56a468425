const MEBIBYTE = 1024 * 1024;

/** What is tried, one after the other, where a registry or a gateway before it finds bodies too large. */
const CHUNK_STEPS = [16, 8, 4, 1].map((size) => size * MEBIBYTE);

/**
 * How large a request's body a registry takes, learnt from what it has refused: one client's experience, for as long as the
 * client lives.
 */
export class BodyLimits {
  #takesStreams = true;
  #chunkBytes = CHUNK_STEPS[0] as number;

  /** False once a streamed body of any size was refused. */
  get takesStreams(): boolean {
    return this.#takesStreams;
  }

  /** What a body held in memory may have at the most. */
  get chunkBytes(): number {
    return this.#chunkBytes;
  }

  /**
   * Notes that a body was too large; `sizeInBytes` is undefined for a stream that did not say. False when nothing smaller
   * is left to be tried.
   */
  refused(sizeInBytes: number | undefined, { streamed }: { readonly streamed: boolean }): boolean {
    const next = CHUNK_STEPS.find((step) => sizeInBytes === undefined || step < sizeInBytes);
    if (next === undefined) return false;
    if (streamed) this.#takesStreams = false;
    this.#chunkBytes = Math.min(this.#chunkBytes, next);
    return true;
  }
}
