import {
  assertContent,
  collectBytes,
  createDigester,
  type Digest,
  type Digester,
  digestAlgorithm,
  InvalidInputError,
  isDigestMismatchError,
  LimitError,
} from "@acrkit/oci";
import type { OperationOptions } from "@azure/core-client";
import { runtime } from "#runtime";
import { throwIfAborted } from "../../pipeline/abort-signal.ts";
import type { CallDescription } from "../../pipeline/call-context.ts";
import type { RegistryConnection } from "../../registry/connection.ts";
import type { TransferBudget } from "../budget.ts";
import { Deadline, type TransferTimeoutOptions } from "../deadline.ts";
import type { OpenDownload } from "../open-downloads.ts";
import { type OnProgress, ProgressMeter } from "../progress.ts";
import { METHOD, type OpenedBlob, openBlob } from "./blob-source.ts";
import { FileTransfer, heldBytesOf, SEGMENT_BYTES } from "./file-transfer.ts";
import { ResumedBody } from "./resume.ts";
import { explained, type WrittenFile, writeFailure } from "./write-failure.ts";

export interface DownloadBlobOptions extends OperationOptions, TransferTimeoutOptions {
  readonly onProgress?: OnProgress;
}

export interface ReadBytesOptions {
  /** Reading stops with an error beyond this; 64 MiB when left out. */
  readonly maxBytes?: number;
}

export interface ToFileOptions {
  /**
   * How many ranges of the blob are fetched at a time, at the most; 1 is a single stream. Blobs below 32 MiB are always
   * fetched in one, and so is any from a server that does not know ranges. Several pay where a connection is slower than the
   * machine; next to the registry, 1 is faster and holds less memory.
   *
   * @defaultValue 4
   */
  readonly parallel?: number;
}

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

const DEFAULT_PARALLEL = 4;
/** Each range is a connection; a server closes the door to many more from one client. */
const MAX_PARALLEL = 64;
/** Below this, the connections of the ranges take longer to open than they save. */
const PARALLEL_FROM_BYTES = 32 * 1024 * 1024;

/** How a download is read; each may be called once. */
interface BlobReading {
  /** Piece by piece, at the reader's pace. */
  open(): AsyncGenerator<Uint8Array, void, undefined>;
  collect(maxBytes: number): Promise<Uint8Array>;
  save(path: string, parallel: number): Promise<void>;
  discard(): Promise<void>;
}

/**
 * A blob on its way: verified as it flows, resumed by range when the connection drops.
 *
 * Read it once, in one of four forms. Whatever the form, a blob whose size or digest is not what was asked for ends in a
 * `DigestMismatchError` where it is read, and leaving early closes the connection. One that is not read at all holds a
 * connection until `cancel`.
 */
export class BlobDownload implements AsyncIterable<Uint8Array> {
  readonly digest: Digest;
  readonly sizeInBytes: number;
  readonly #reading: BlobReading;
  #used = false;

  /** @internal Made by `downloadBlob`. */
  constructor(digest: Digest, sizeInBytes: number, reading: BlobReading) {
    this.digest = digest;
    this.sizeInBytes = sizeInBytes;
    this.#reading = reading;
  }

  /**
   * Piece by piece. Trust what came only once the loop has ended without an error.
   *
   * @throws {DigestMismatchError} in the loop
   */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    this.#use();
    return this.#reading.open();
  }

  /** As a web stream, which errors where a loop would throw. Node's `Readable.fromWeb` makes a Node stream of it. */
  stream(): ReadableStream<Uint8Array> {
    const parts = this[Symbol.asyncIterator]();
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const { done, value } = await parts.next();
          if (done === true) controller.close();
          else controller.enqueue(value);
        },
        async cancel() {
          await parts.return();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /**
   * All of it, in memory.
   *
   * @throws {LimitError} it is larger than `maxBytes`; when its size says so already, nothing is read
   */
  async bytes(options: ReadBytesOptions = {}): Promise<Uint8Array> {
    const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    this.#use();
    if (this.sizeInBytes <= maxBytes) return this.#reading.collect(maxBytes);
    await this.#reading.discard();
    throw new LimitError(`blob ${this.digest} has ${this.sizeInBytes} bytes, more than the ${maxBytes} bytes allowed`, {
      limit: maxBytes,
      seen: this.sizeInBytes,
    });
  }

  /**
   * Into a file, large ones in several ranges at a time. The name appears only once every byte is on the disk and the digest is
   * proven; a file that was there stays until then.
   *
   * The bytes gather in `<path>.….part` beside it. An error or an abort removes that; a process that is killed leaves it, with
   * a log beside it, and the next download of this blob to this path goes on from there: at the most 8 MiB of each range are
   * fetched again. One of up to 8 MiB is fetched anew, and what a killed process has left of it is nobody's to remove but yours.
   *
   * A link in place of `path` is replaced and not followed; a device or a pipe is refused.
   *
   * @throws {ContentWriteError} the file cannot be written; `cause` is the system's own error
   * @throws {DigestMismatchError} what came is not this blob
   */
  async toFile(path: string, options: ToFileOptions = {}): Promise<void> {
    try {
      const parallel = toParallel(options.parallel);
      assertPath(path);
      this.#use();
      await this.#reading.save(path, parallel);
    } finally {
      await this.cancel();
    }
  }

  /** Closes the connection of a download that will not be read. Safe to call twice. */
  async cancel(): Promise<void> {
    if (this.#used) return;
    this.#used = true;
    await this.#reading.discard();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel();
  }

  #use(): void {
    if (this.#used) {
      throw new InvalidInputError(
        "second reading of blob",
        this.digest,
        "a download is read or cancelled once; download it again",
      );
    }
    this.#used = true;
  }
}

/** Sends the request and hands over the download; the caller has checked `repository` and `digest`. */
export async function startDownload(
  connection: RegistryConnection,
  budget: TransferBudget,
  repository: string,
  digest: Digest,
  options: DownloadBlobOptions,
): Promise<BlobDownload> {
  const call: CallDescription = {
    operation: METHOD,
    registry: connection.endpoint.host,
    repository,
    reference: digest,
    metadataApi: false,
  };
  const meter = new ProgressMeter(options.onProgress, undefined);
  const deadline = new Deadline(options, call, meter);
  const stop = new AbortController();
  const abortSignal = deadline.signal === undefined ? stop.signal : AbortSignal.any([deadline.signal, stop.signal]);
  let turn: OpenDownload | undefined;
  try {
    turn = await budget.openDownloads.begin(abortSignal);
    const address = { connection, repository, digest, options: { ...options, abortSignal } };
    deadline.waitsFor("the registry's answer");
    const opened = await openBlob(address);
    deadline.waitsFor("somebody to read it");
    turn.rests();
    meter.totalBytes = opened.source.sizeInBytes;
    const download = new RunningDownload({ digest, call, opened, budget, turn, meter, deadline, stop });
    return new BlobDownload(digest, opened.source.sizeInBytes, download);
  } catch (error) {
    turn?.close();
    deadline.stop();
    throw deadline.translate(error);
  }
}

interface RunningDownloadParts {
  readonly digest: Digest;
  readonly call: CallDescription;
  readonly opened: OpenedBlob;
  readonly budget: TransferBudget;
  readonly turn: OpenDownload;
  readonly meter: ProgressMeter;
  readonly deadline: Deadline;
  /** Ends every request of the download. */
  readonly stop: AbortController;
}

class RunningDownload implements BlobReading {
  readonly #parts: RunningDownloadParts;

  constructor(parts: RunningDownloadParts) {
    this.#parts = parts;
  }

  open(): AsyncGenerator<Uint8Array, void, undefined> {
    return leavable(this.#verified(), () => {
      this.#parts.stop.abort();
      this.#end();
    });
  }

  collect(maxBytes: number): Promise<Uint8Array> {
    return this.#inTurn(Math.min(maxBytes, this.#parts.opened.source.sizeInBytes), () =>
      collectBytes(this.#verified(), maxBytes, `blob ${this.#parts.digest}`),
    );
  }

  save(path: string, parallel: number): Promise<void> {
    const ranges = this.#parts.opened.source.sizeInBytes < PARALLEL_FROM_BYTES ? 1 : parallel;
    return this.#inTurn(heldBytesOf(ranges), () => this.#saveProven(path, ranges));
  }

  async discard(): Promise<void> {
    try {
      await this.#parts.opened.first.discard();
    } finally {
      this.#end();
    }
  }

  /** Gives back what a download holds besides its connections. */
  #end(): void {
    this.#parts.deadline.stop();
    this.#parts.turn.close();
  }

  /** Whatever moves by itself waits for its turn; what a reader takes at its own pace would hold others up. */
  async #inTurn<T>(heldBytes: number, work: () => Promise<T>): Promise<T> {
    const { budget, turn, deadline, meter, opened, stop } = this.#parts;
    turn.moves();
    deadline.waitsFor();
    try {
      return await budget.run({ direction: "download", heldBytes, abortSignal: deadline.signal }, work);
    } catch (error) {
      // Whatever is still open, also when the turn never came.
      stop.abort();
      opened.first.close();
      throw meter.callbackError === undefined ? deadline.translate(error) : meter.callbackError.error;
    } finally {
      this.#end();
    }
  }

  /** Verifies, counts and resumes in one step: each further generator would cost every piece some microtasks. */
  async *#verified(): AsyncGenerator<Uint8Array, void, undefined> {
    const { digest, opened, turn, meter, deadline } = this.#parts;
    const { source, first } = opened;
    const { sizeInBytes } = source;
    let digester: Digester | undefined;
    const body = new ResumedBody({
      source,
      response: first,
      from: 0,
      end: sizeInBytes,
      onDrop: () => meter.retrying(digester?.sizeInBytes ?? 0),
    });
    try {
      // In here, so that an algorithm that cannot be computed closes the body as any failure does.
      digester = createDigester(digestAlgorithm(digest));
      meter.started();
      for (;;) {
        turn.moves();
        const part = await body.read();
        turn.rests();
        if (part === undefined) break;
        digester.update(part);
        if (digester.sizeInBytes > sizeInBytes) break;
        meter.moved(digester.sizeInBytes);
        yield part;
      }
      assertContent(digester, { digest, sizeInBytes });
      meter.done("verified", sizeInBytes);
    } catch (error) {
      throw deadline.translate(error);
    } finally {
      body.close();
      this.#end();
    }
  }

  async #saveProven(path: string, ranges: number): Promise<void> {
    const { opened, meter } = this.#parts;
    meter.started();
    const isResumed = await this.#saveOnce(path, ranges, opened).catch((error: unknown) => error);
    if (isResumed === undefined) return;
    if (!(isResumed instanceof StaleLeftovers)) throw isResumed;
    // What a crash had left was not what its log said, or has changed since.
    meter.retrying(0);
    const first = await opened.source.request(0);
    await this.#saveOnce(path, ranges, { ...opened, first });
  }

  async #saveOnce(path: string, ranges: number, { source, first }: OpenedBlob): Promise<void> {
    const { digest, call, budget, meter, stop } = this.#parts;
    const written: WrittenFile = { call, path, meter };
    createDigester(digestAlgorithm(digest));
    const plan = { path, key: digest, sizeInBytes: source.sizeInBytes, segmentBytes: SEGMENT_BYTES };
    const part = await runtime.openPartFile(plan).catch(async (error: unknown) => {
      await first.discard();
      throw writeFailure(written, error);
    });
    const file = explained(part, written);
    try {
      const limit = () => (ranges === 1 ? 1 : Math.max(1, budget.parallel(ranges)));
      await new FileTransfer({ digest, source, file, meter, limit, stop: () => stop.abort() }).run(first);
      throwIfAborted(source.abortSignal);
      await file.commit();
    } catch (error) {
      // Why it failed matters more than what cannot be removed.
      await file.discard().catch(() => {});
      if (part.finishedSegments.length > 0 && isDigestMismatchError(error) && !source.abortSignal.aborted) {
        throw new StaleLeftovers();
      }
      throw error;
    }
    meter.done("verified", source.sizeInBytes);
  }
}

/** What an earlier process had left of the file was not of this blob. */
class StaleLeftovers extends Error {}

/**
 * The same generator, but one that can be left at any time. By itself it would run none of its `finally` before the first
 * piece was asked for, and while a piece is waited for it would leave only once that comes.
 */
function leavable<T>(parts: AsyncGenerator<T, void, undefined>, close: () => void): AsyncGenerator<T, void, undefined> {
  return {
    next: () => parts.next(),
    return() {
      close();
      return parts.return();
    },
    throw(error) {
      close();
      return parts.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await this.return();
    },
  };
}

/** @throws {InvalidInputError} no number of ranges */
function toParallel(value = DEFAULT_PARALLEL): number {
  if (Number.isInteger(value) && value >= 1 && value <= MAX_PARALLEL) return value;
  throw new InvalidInputError("parallel", value, `expected a whole number from 1 to ${MAX_PARALLEL}`);
}

function assertPath(path: unknown): asserts path is string {
  if (typeof path === "string" && path !== "") return;
  throw new InvalidInputError("path", path, "expected the path of a file");
}
