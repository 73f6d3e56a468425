import { delay } from "@azure/core-util";
import { TransportError } from "../../errors/registry-error.ts";
import { logger } from "../../logger.ts";
import type { BodyReader } from "../../pipeline/response-body.ts";
import type { RegistryResponse } from "../../registry/response.ts";
import type { BlobSource } from "./blob-source.ts";

/** So much between two drops counts as progress: a connection that breaks after every few bytes would never end. */
const PROGRESS_BYTES = 64 * 1024;

/** What a body is a part of. */
export interface ResumedBodyPart {
  readonly source: BlobSource;
  /** The answer that begins at `from`. */
  readonly response: RegistryResponse;
  readonly from: number;
  /** The byte behind the last. */
  readonly end: number;
  /** Told before each pause. */
  readonly onDrop: () => void;
}

/**
 * The bytes of an answer, and behind a drop those that are missing, after a pause, for as long as some progress is made.
 *
 * More than asked for is handed on as it comes, less ends early: what that means is for the verification to say.
 */
export class ResumedBody implements BodyReader {
  readonly #source: BlobSource;
  readonly #end: number;
  readonly #onDrop: () => void;
  #body: BodyReader;
  #offset: number;
  /** Bytes to pass over: the server ignored the range, and sends everything again. */
  #skip = 0;
  /** True when what comes goes on behind `end`, for the same reason. */
  #isCut = false;
  #drops = 0;
  #lastDrop: number;

  constructor({ source, response, from, end, onDrop }: ResumedBodyPart) {
    this.#source = source;
    this.#end = end;
    this.#onDrop = onDrop;
    this.#body = response.open();
    this.#offset = from;
    this.#lastDrop = from;
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      let part: Uint8Array | undefined;
      try {
        part = await this.#body.read();
      } catch (error) {
        // Everything is there; whether it is right, the verification says.
        if (error instanceof TransportError && this.#offset >= this.#end) return undefined;
        await this.#resume(error);
        continue;
      }
      // A body that ends early without an error: what is missing would not come by asking again.
      if (part === undefined) return undefined;
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, part.byteLength);
        this.#skip -= skipped;
        if (skipped === part.byteLength) continue;
        part = part.subarray(skipped);
      }
      if (this.#isCut && this.#offset + part.byteLength >= this.#end) {
        part = part.subarray(0, this.#end - this.#offset);
        this.#body.close();
        if (part.byteLength === 0) return undefined;
      }
      this.#offset += part.byteLength;
      return part;
    }
  }

  async readInto(into: Uint8Array): Promise<number> {
    for (;;) {
      const wanted = this.#skip > 0 ? this.#skip : this.#isCut ? this.#end - this.#offset : into.byteLength;
      if (wanted === 0) {
        this.#body.close();
        return 0;
      }
      let size: number;
      try {
        size = await this.#body.readInto(into.subarray(0, wanted));
      } catch (error) {
        if (error instanceof TransportError && this.#offset >= this.#end) return 0;
        await this.#resume(error);
        continue;
      }
      if (size > 0 && this.#skip > 0) {
        this.#skip -= size;
        continue;
      }
      this.#offset += size;
      return size;
    }
  }

  close(): void {
    this.#body.close();
  }

  async #resume(error: unknown): Promise<void> {
    if (!(error instanceof TransportError)) throw error;
    const { maxRetries, pauseInMs } = this.#source.backOff;
    this.#drops = this.#offset - this.#lastDrop >= PROGRESS_BYTES ? 1 : this.#drops + 1;
    this.#lastDrop = this.#offset;
    if (this.#drops > maxRetries) throw error;
    logger.info(`download resumes at byte ${this.#offset} of ${this.#source.sizeInBytes}: ${error.message}`);
    this.#onDrop();
    await delay(pauseInMs(this.#drops - 1), { abortSignal: this.#source.abortSignal });
    const response = await this.#source.request(this.#offset, this.#end);
    await this.#source.check(response, this.#offset, this.#end);
    this.#isCut = response.status === 200 && this.#end < this.#source.sizeInBytes;
    this.#skip = response.status === 200 ? this.#offset : 0;
    this.#body = response.open();
  }
}
