import { collectBytes, type Digest, InvalidInputError, LimitError, verifyBytes } from "@acrkit/oci";
import type { OperationOptions } from "@azure/core-client";
import { runtime } from "#runtime";
import { toAbortSignal } from "../../pipeline/abort-signal.ts";
import { findBlob } from "../../registry/blobs.ts";
import type { RegistryConnection } from "../../registry/connection.ts";
import type { RegistryResponse } from "../../registry/response.ts";
import type { TransferBudget } from "../budget.ts";
import type { OnProgress } from "../progress.ts";
import { resumed } from "./resume.ts";

export interface DownloadBlobOptions extends OperationOptions {
  readonly onProgress?: OnProgress;
}

export interface ReadBytesOptions {
  /** Reading stops with an error beyond this; 64 MiB when left out. */
  readonly maxBytes?: number;
}

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

const METHOD = "downloadBlob";

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
  readonly #open: () => AsyncGenerator<Uint8Array, void, undefined>;
  readonly #discard: () => Promise<void>;
  #used = false;

  /** @internal Made by `downloadBlob`. */
  constructor(
    digest: Digest,
    sizeInBytes: number,
    open: () => AsyncGenerator<Uint8Array, void, undefined>,
    discard: () => Promise<void>,
  ) {
    this.digest = digest;
    this.sizeInBytes = sizeInBytes;
    this.#open = open;
    this.#discard = discard;
  }

  /**
   * Piece by piece. Trust what came only once the loop has ended without an error.
   *
   * @throws {DigestMismatchError} in the loop
   */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    this.#use();
    return this.#open();
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
    if (this.sizeInBytes <= maxBytes) return collectBytes(this, maxBytes, `blob ${this.digest}`);
    this.#use();
    await this.#discard();
    throw new LimitError(`blob ${this.digest} has ${this.sizeInBytes} bytes, more than the ${maxBytes} bytes allowed`, {
      limit: maxBytes,
      seen: this.sizeInBytes,
    });
  }

  /**
   * Into a file. The name appears only once every byte has been written and the digest is proven; a file that was there
   * stays until then, and nothing is left behind by a failure.
   */
  async toFile(path: string): Promise<void> {
    try {
      await runtime.writeFile(path, this);
    } finally {
      // A file that could not even be created leaves the download unread.
      await this.cancel();
    }
  }

  /** Closes the connection of a download that will not be read. Safe to call twice. */
  async cancel(): Promise<void> {
    if (this.#used) return;
    this.#used = true;
    await this.#discard();
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
  _budget: TransferBudget,
  repository: string,
  digest: Digest,
  options: DownloadBlobOptions,
): Promise<BlobDownload> {
  const stop = new AbortController();
  const signal = toAbortSignal(options.abortSignal);
  const abortSignal = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const request = (offset: number) => requestBlob(connection, repository, digest, { ...options, abortSignal }, offset);

  const first = await request(0);
  // A body in HTTP's own chunks says no length; then a HEAD does.
  const sizeInBytes = first.contentLength ?? (await askForSize());
  if (sizeInBytes === undefined) {
    first.close();
    throw first.unexpected("the registry does not say how large the blob is (no Content-Length)");
  }
  async function askForSize(): Promise<number | undefined> {
    try {
      return (await findBlob(connection, repository, digest, options, METHOD))?.sizeInBytes;
    } catch (error) {
      first.close();
      throw error;
    }
  }

  const open = () => {
    const verified = verifyBytes(resumed(first, sizeInBytes, request, abortSignal), { digest, sizeInBytes });
    return leavable(reported(verified, sizeInBytes, options.onProgress), () => stop.abort());
  };
  return new BlobDownload(digest, sizeInBytes, open, () => first.discard());
}

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

async function requestBlob(
  connection: RegistryConnection,
  repository: string,
  digest: Digest,
  options: OperationOptions,
  offset: number,
): Promise<RegistryResponse> {
  return connection.send({
    method: METHOD,
    operation: "getBlob",
    answer: "stream",
    parameters: { name: repository, digest },
    // Bytes as they are: compressed on the way they would not have this digest.
    headers: { "accept-encoding": "identity", ...(offset === 0 ? {} : { range: `bytes=${offset}-` }) },
    expected: offset === 0 ? [200] : [200, 206],
    options,
  });
}

/** Counts; the last event, which says everything is there, comes only after the verification. */
async function* reported(
  parts: AsyncIterable<Uint8Array>,
  totalBytes: number,
  onProgress: OnProgress | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (onProgress === undefined) {
    yield* parts;
    return;
  }
  let loadedBytes = 0;
  for await (const part of parts) {
    loadedBytes += part.byteLength;
    if (loadedBytes < totalBytes) onProgress({ kind: "progress", loadedBytes, totalBytes });
    yield part;
  }
  onProgress({ kind: "verified", loadedBytes, totalBytes });
}
