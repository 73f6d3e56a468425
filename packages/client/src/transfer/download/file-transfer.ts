import { assertContent, createDigester, type Digest, DigestMismatchError, digestAlgorithm } from "@acrkit/oci";
import { RegistryError, TransportError, UnexpectedResponseError } from "../../errors/registry-error.ts";
import { logger } from "../../logger.ts";
import type { RegistryResponse } from "../../registry/response.ts";
import type { PartFile } from "../../runtime/port.ts";
import type { ProgressMeter } from "../progress.ts";
import type { BlobSource } from "./blob-source.ts";
import { BufferPool } from "./buffer-pool.ts";
import { OrderedDigest } from "./ordered-digest.ts";
import { ResumedBody } from "./resume.ts";
import { Segments } from "./segments.ts";

/**
 * What one request asks for, and what a crash costs at the most for each request on its way. Large, since each costs a round
 * trip in which its connection carries nothing; small, since what is ahead of the digest is held.
 */
export const SEGMENT_BYTES = 8 * 1024 * 1024;

/**
 * A TLS connection gives 16 KiB at a time, and each write is a round trip to a thread. Measured for 1 GiB in four ranges: with
 * 256 KiB, 512 KiB and 1 MiB it takes 3.2, 2.9 and 2.8 s, and 158, 167 and 189 MiB at the peak.
 */
const WRITE_BYTES = 512 * 1024;

/** What is read at a time: progress is told in steps of so much. */
const FILL_BYTES = 256 * 1024;

/**
 * Beyond this, what is ahead of the digest is read back from the file: a copy from the page cache. On loopback, 4 and 8 MiB
 * differ by less than two runs do, in time and in memory.
 */
const MAX_AHEAD_BYTES = 8 * 1024 * 1024;

/**
 * A range that has no more to come than this lets the next request be sent: on a long way, its answer begins when this one
 * ends, and no connection stands idle for a round trip. Where that is short, the two overlap for a moment.
 */
const HAND_OVER_BYTES = SEGMENT_BYTES / 2;

/**
 * What a transfer with so many ranges holds at the most: what is ahead, and of each range, and of the next while they overlap,
 * one batch that is being written and one that fills.
 */
export function heldBytesOf(ranges: number): number {
  return ranges === 1 ? 2 * WRITE_BYTES : MAX_AHEAD_BYTES + 2 * ranges * 2 * WRITE_BYTES;
}

export interface FileTransferParts {
  readonly digest: Digest;
  readonly source: BlobSource;
  readonly file: PartFile;
  readonly meter: ProgressMeter;
  /** How many ranges may be on their way now; asked before each. */
  readonly limit: () => number;
  /** Ends every request of the download. */
  readonly stop: () => void;
}

/** Whether the server answers a range with that range. */
type RangeSupport = "unknown" | "honoured" | "ignored";

/**
 * Fetches a blob into a part file, in segments that several requests bring at a time.
 *
 * The answer that the download began with holds everything, and is read from the front for as long as nobody else has what
 * comes next: to its end when it is alone. Once ranges have proven to work it is closed where it meets a segment of another
 * request; on a server that ignores ranges it brings all of it.
 */
export class FileTransfer {
  readonly #digest: Digest;
  readonly #source: BlobSource;
  readonly #file: PartFile;
  readonly #meter: ProgressMeter;
  readonly #limit: () => number;
  readonly #stop: () => void;
  readonly #segments: Segments;
  readonly #proof = createProof();
  readonly #buffers: BufferPool;
  #ordered: OrderedDigest | undefined;
  #loadedBytes = 0;
  #support: RangeSupport = "unknown";
  /** True while the first answer brings bytes, and counts as one of those on their way. */
  #isLeadMoving = false;
  #hasLead = true;
  #ranges = 0;
  #tasks = 0;
  #failure: { readonly error: unknown } | undefined;
  readonly #ended = Promise.withResolvers<void>();

  constructor({ digest, source, file, meter, limit, stop }: FileTransferParts) {
    this.#digest = digest;
    this.#source = source;
    this.#file = file;
    this.#meter = meter;
    this.#limit = limit;
    this.#stop = stop;
    this.#segments = new Segments(source.sizeInBytes, SEGMENT_BYTES);
    this.#buffers = new BufferPool(Math.max(1, Math.min(WRITE_BYTES, source.sizeInBytes)));
  }

  /**
   * Fetches what is missing, and proves the whole. Whatever it began has ended when this returns.
   *
   * @throws {DigestMismatchError} what is in the file now is not this blob
   */
  async run(first: RegistryResponse): Promise<void> {
    const digester = createDigester(digestAlgorithm(this.#digest));
    this.#ordered = new OrderedDigest({
      digester,
      readBack: (at, into) => this.#file.read(at, into),
      maxHeldBytes: MAX_AHEAD_BYTES,
      release: (bytes) => this.#buffers.give(bytes),
      onFailure: (error) => this.#fail(error),
    });
    for (const index of this.#file.finishedSegments) this.#adopt(index);
    this.#meter.moved(this.#loadedBytes);
    this.#begin(this.#lead(first));
    await this.#ended.promise;
    await this.#ordered.settled();
    if (this.#failure !== undefined) throw this.#failure.error;
    assertContent(digester, { digest: this.#digest, sizeInBytes: this.#source.sizeInBytes });
  }

  #adopt(index: number): void {
    const { from, end } = this.#segments.rangeOf(index);
    this.#segments.take(index);
    this.#segments.finish(index);
    this.#ordered?.addStored(from, end - from);
    this.#loadedBytes += end - from;
  }

  #begin(task: Promise<void>): void {
    this.#tasks++;
    task
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#tasks--;
        this.#fill();
        if (this.#tasks === 0) this.#ended.resolve();
      });
    this.#fill();
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    // Whoever waits for another of its tasks would wait for ever.
    this.#proof.resolve();
    this.#segments.giveUp();
    this.#ordered?.stop();
    this.#stop();
  }

  /** Sends requests for further segments, for as long as there may be more of them. */
  #fill(): void {
    while (
      this.#failure === undefined &&
      this.#support !== "ignored" &&
      this.#ranges + (this.#isLeadMoving ? 1 : 0) < this.#limit()
    ) {
      const index = this.#segments.takeFirst();
      if (index === undefined) return;
      this.#begin(this.#fetchRange(index));
    }
  }

  async #lead(response: RegistryResponse): Promise<void> {
    const { source, segments } = { source: this.#source, segments: this.#segments };
    const body = this.#bodyOf(response, 0, source.sizeInBytes);
    try {
      for (let index = 0; index < segments.count && this.#failure === undefined; ) {
        const { from, end } = segments.rangeOf(index);
        if (segments.stateOf(index) === "free") {
          segments.take(index);
          this.#isLeadMoving = true;
          this.#fill();
          await this.#store(index, body);
          index++;
          continue;
        }
        this.#isLeadMoving = false;
        if (segments.areAllDone) return;
        this.#fill();
        await this.#proof.promise;
        if (this.#support === "honoured" || this.#failure !== undefined) return;
        // One that was given back meanwhile is free, and is this answer's to bring.
        const state = segments.stateOf(index);
        if (state === "taken") await segments.settled(index);
        else if (state === "done") {
          await this.#pass(body, end - from);
          index++;
        }
      }
      if (this.#failure === undefined) await this.#expectEnd(body);
    } finally {
      this.#isLeadMoving = false;
      this.#hasLead = false;
      body.close();
    }
  }

  async #fetchRange(index: number): Promise<void> {
    const { from, end } = this.#segments.rangeOf(index);
    this.#ranges++;
    let isCounted = true;
    const handOver = () => {
      if (isCounted) this.#ranges--;
      isCounted = false;
    };
    try {
      const response = await this.#requestRange(from, end);
      if (response === undefined || response.status === 200) {
        this.#withoutRanges(index, response);
        return;
      }
      // A server that has ignored one may ignore any: it stays at one stream, then.
      if (this.#support === "unknown") this.#support = "honoured";
      this.#proof.resolve();
      const body = this.#bodyOf(response, from, end);
      try {
        await this.#store(index, body, (left) => {
          if (!isCounted || left > HAND_OVER_BYTES || this.#limit() === 1) return;
          handOver();
          this.#fill();
        });
        await this.#expectEnd(body);
      } finally {
        body.close();
      }
    } finally {
      handOver();
    }
  }

  /** Undefined when the server cannot cope with ranges, and has not before. */
  async #requestRange(from: number, end: number): Promise<RegistryResponse | undefined> {
    try {
      const response = await this.#source.request(from, end);
      await this.#source.check(response, from, end);
      return response;
    } catch (error) {
      if (isAboutRanges(error) && this.#support !== "honoured" && this.#hasLead) return undefined;
      throw error;
    }
  }

  /** Goes on with one answer that holds everything: the first, or the one in which the server has just sent it again. */
  #withoutRanges(index: number, response: RegistryResponse | undefined): void {
    logger.info("the server does not answer ranges: the blob is downloaded in one stream");
    this.#segments.release(index);
    this.#support = "ignored";
    this.#proof.resolve();
    if (this.#hasLead || response === undefined) response?.close();
    else {
      this.#hasLead = true;
      this.#begin(this.#lead(response));
    }
  }

  #bodyOf(response: RegistryResponse, from: number, end: number): ResumedBody {
    const onDrop = () => this.#meter.retrying(this.#loadedBytes);
    return new ResumedBody({ source: this.#source, response, from, end, onDrop });
  }

  /** Reads one segment, and writes it at its place: the next batch fills while the one before is written. */
  async #store(index: number, body: ResumedBody, onMoved?: (leftBytes: number) => void): Promise<void> {
    const { from, end } = this.#segments.rangeOf(index);
    let writing: Promise<void> | undefined;
    try {
      for (let at = from; at < end; ) {
        const bytes = await this.#gather(body, end - at);
        if (bytes.byteLength === 0) throw this.#endedEarly(at);
        await writing;
        writing = this.#write(at, bytes);
        // It is awaited in the next round, or below; until then its failure is nobody's.
        writing.catch(() => {});
        at += bytes.byteLength;
        onMoved?.(end - at);
      }
      await writing;
      await this.#file.finishSegment(index);
      this.#segments.finish(index);
    } catch (error) {
      await writing?.catch(() => {});
      throw error;
    }
  }

  async #gather(body: ResumedBody, wanted: number): Promise<Uint8Array> {
    const buffer = this.#buffers.take();
    const batch = buffer.subarray(0, Math.min(wanted, buffer.byteLength));
    let filled = 0;
    while (filled < batch.byteLength) {
      const size = await body.readInto(batch.subarray(filled, filled + FILL_BYTES));
      if (size === 0) break;
      filled += size;
      this.#loadedBytes += size;
      this.#meter.moved(this.#loadedBytes);
    }
    return batch.subarray(0, filled);
  }

  async #write(at: number, bytes: Uint8Array): Promise<void> {
    const batch = this.#ordered?.add(at, bytes);
    await this.#file.write(at, bytes);
    if (batch !== undefined) this.#ordered?.stored(batch);
  }

  /** Reads over what another answer has brought. */
  async #pass(body: ResumedBody, count: number): Promise<void> {
    const buffer = this.#buffers.take();
    for (let left = count; left > 0; ) {
      const size = await body.readInto(buffer.subarray(0, left));
      if (size === 0) throw this.#endedEarly(this.#loadedBytes);
      left -= size;
    }
    this.#buffers.give(buffer);
  }

  /** A body that is read to its end leaves its connection for the next request. */
  async #expectEnd(body: ResumedBody): Promise<void> {
    const buffer = this.#buffers.take();
    const more = await body.readInto(buffer);
    this.#buffers.give(buffer);
    if (more > 0) throw this.#wrongSize("but more came", this.#source.sizeInBytes + more);
  }

  #endedEarly(bytesRead: number): DigestMismatchError {
    return this.#wrongSize(`but an answer ended at ${bytesRead}`, bytesRead);
  }

  #wrongSize(problem: string, bytesRead: number): DigestMismatchError {
    const message = `content ${this.#digest} should have ${this.#source.sizeInBytes} bytes, ${problem}`;
    return new DigestMismatchError(message, { expected: this.#digest, bytesRead });
  }
}

/**
 * True when what the first answer still brings may come all the same: of ranges that are wrong or refused, or of a server or
 * an agent that has no second connection for this client.
 */
function isAboutRanges(error: unknown): boolean {
  if (error instanceof UnexpectedResponseError || error instanceof TransportError) return true;
  const { statusCode = 0 } = error instanceof RegistryError ? error : {};
  return statusCode === 416 || statusCode === 429 || statusCode >= 500;
}

/** Open until it is known whether the server honours ranges. */
function createProof(): { readonly promise: Promise<void>; resolve(): void } {
  return Promise.withResolvers<void>();
}
