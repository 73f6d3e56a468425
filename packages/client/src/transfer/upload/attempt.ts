import {
  createDigester,
  type Digest,
  type Digester,
  DigestMismatchError,
  digestAlgorithm,
  digestOf,
  InvalidInputError,
} from "@acrkit/oci";
import { runtime } from "#runtime";
import { ContentReadError, UnexpectedResponseError } from "../../errors/registry-error.ts";
import { orAborted, throwIfAborted, toAbortSignal } from "../../pipeline/abort-signal.ts";
import type { IdleTimer } from "../../pipeline/idle-timer.ts";
import type { RegistryConnection } from "../../registry/connection.ts";
import { UnsupportedError } from "../../runtime/unsupported.ts";
import { ChunkReader } from "./chunks.ts";
import type { OpenableContent } from "./content.ts";
import { UploadSession } from "./session.ts";
import type { UploadBlobOptions, UploadBlobResult } from "./upload.ts";

/** The client's method, which errors name. */
export const METHOD = "uploadBlob";

/** Known bytes up to this size go into the committing request itself, which saves one. */
const SINGLE_REQUEST_BYTES = 4 * 1024 * 1024;

/** What an attempt needs to know. */
export interface UploadPlan {
  readonly connection: RegistryConnection;
  readonly repository: string;
  readonly content: OpenableContent;
  /** What the content must be, where that was said. */
  readonly expected: Digest | undefined;
  readonly chunkBytes: number;
  readonly options: UploadBlobOptions;
}

/** One attempt at an upload: a session from its beginning to its commit, or to its cancellation. */
export class UploadAttempt {
  readonly #connection: RegistryConnection;
  readonly #repository: string;
  readonly #content: OpenableContent;
  readonly #expected: Digest | undefined;
  readonly #chunkBytes: number;
  readonly #options: UploadBlobOptions;
  readonly #abortSignal: AbortSignal | undefined;
  readonly #digester: Digester;
  #callbackError: { readonly error: unknown } | undefined;

  constructor({ connection, repository, content, expected, chunkBytes, options }: UploadPlan) {
    this.#connection = connection;
    this.#repository = repository;
    this.#content = content;
    this.#expected = expected;
    this.#chunkBytes = chunkBytes;
    this.#options = options;
    this.#abortSignal = toAbortSignal(options.abortSignal);
    this.#digester = createDigester(expected === undefined ? undefined : digestAlgorithm(expected));
  }

  async run(): Promise<UploadBlobResult> {
    const { inMemory } = this.#content;
    const session = await UploadSession.start(this.#connection, this.#repository, METHOD, this.#options);
    try {
      const small = inMemory !== undefined && inMemory.byteLength <= Math.min(SINGLE_REQUEST_BYTES, this.#chunkBytes);
      return small ? await this.#sendAtOnce(session, inMemory) : await this.#sendInChunks(session);
    } catch (error) {
      const cancelled = session.cancel(this.#options);
      // Who aborts does not wait for a courtesy.
      if (this.#abortSignal?.aborted !== true) await cancelled;
      throw error;
    }
  }

  async #sendAtOnce(session: UploadSession, bytes: Uint8Array): Promise<UploadBlobResult> {
    const digest = digestOf(bytes, this.#expected && digestAlgorithm(this.#expected));
    this.#assertExpected(digest, bytes.byteLength);
    this.#progress(0);
    await this.#commit(session, digest, bytes.byteLength, { body: bytes, sizeInBytes: bytes.byteLength });
    this.#tell(bytes.byteLength, bytes.byteLength);
    return { digest, sizeInBytes: bytes.byteLength };
  }

  async #sendInChunks(session: UploadSession): Promise<UploadBlobResult> {
    const chunks = new ChunkReader(await this.#open());
    try {
      while (await this.#reading(() => chunks.hasMore())) await this.#sendChunk(session, chunks);
    } finally {
      await chunks.close().catch(() => {});
    }
    const sizeInBytes = this.#digester.sizeInBytes;
    const digest = this.#digester.digest();
    this.#assertExpected(digest, sizeInBytes);
    await this.#commit(session, digest, sizeInBytes);
    this.#tell(sizeInBytes, sizeInBytes);
    return { digest, sizeInBytes };
  }

  async #sendChunk(session: UploadSession, chunks: ChunkReader): Promise<void> {
    if (runtime.streamBody === undefined) {
      const bytes = await this.#reading(() => chunks.chunkInMemory(this.#chunkBytes));
      this.#digester.update(bytes);
      await session.append({ body: bytes, sizeInBytes: bytes.byteLength }, this.#options);
      this.#progress(this.#digester.sizeInBytes);
      return;
    }
    // The transport does not notice when a body fails half-way and would wait for ever: the request is aborted from here.
    const failure = new AbortController();
    const signal = this.#abortSignal;
    const abortSignal = signal === undefined ? failure.signal : AbortSignal.any([signal, failure.signal]);
    let watch: () => IdleTimer | undefined = () => undefined;
    let cause: unknown;
    let isSent = false;
    const digester = this.#digester;
    const progress = () => this.#progress(digester.sizeInBytes);
    const sizeInBytes = this.#chunkSize();
    const body = runtime.streamBody(hashed(chunks.chunk(sizeInBytes ?? this.#chunkBytes)));
    try {
      await session.append(
        { body: body.body, sizeInBytes, onStart: (started) => (watch = started) },
        { ...this.#options, abortSignal },
      );
    } catch (error) {
      throwIfAborted(signal);
      if (this.#callbackError !== undefined) throw this.#callbackError.error;
      throw cause === undefined ? error : this.#readError(cause);
    } finally {
      body.close();
      // An answer that came first leaves a request half sent, on a connection that would stay open for ever.
      if (!isSent) failure.abort();
    }
    if (!isSent) {
      throw new UnexpectedResponseError(
        `uploadBlob of ${this.#repository} failed: the registry accepted a chunk before all of it had been sent.`,
        { operation: METHOD, repository: this.#repository, code: "UNEXPECTED_RESPONSE" },
      );
    }

    async function* hashed(
      parts: AsyncGenerator<Uint8Array, void, undefined>,
    ): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        for (;;) {
          // A content that comes slowly is not a registry that stays silent.
          watch()?.pause();
          const { done, value } = await parts.next();
          watch()?.resume();
          if (done === true) break;
          digester.update(value);
          yield value;
          watch()?.touch();
          progress();
        }
        isSent = true;
      } catch (error) {
        cause = error;
        failure.abort();
        throw error;
      } finally {
        await parts.return();
      }
    }
  }

  /** The length of the next chunk, where the content's is known. */
  #chunkSize(): number | undefined {
    const { sizeInBytes } = this.#content;
    return sizeInBytes === undefined ? undefined : Math.min(this.#chunkBytes, sizeInBytes - this.#digester.sizeInBytes);
  }

  async #commit(
    session: UploadSession,
    digest: Digest,
    sizeInBytes: number,
    rest?: { readonly body: Uint8Array; readonly sizeInBytes: number },
  ): Promise<void> {
    const confirmed = await session.commit(digest, sizeInBytes, this.#options, rest);
    if (confirmed !== undefined && confirmed !== digest) {
      throw new DigestMismatchError(
        `uploadBlob of ${this.#repository}: the registry stored ${confirmed}, but ${digest} was sent`,
        { expected: digest, actual: confirmed, bytesRead: sizeInBytes },
      );
    }
  }

  #assertExpected(digest: Digest, bytesRead: number): void {
    if (this.#expected === undefined || this.#expected === digest) return;
    throw new DigestMismatchError(
      `uploadBlob of ${this.#repository}: the content should have been ${this.#expected}, but is ${digest}; nothing was committed`,
      { expected: this.#expected, actual: digest, bytesRead },
    );
  }

  #open() {
    return this.#reading(async () => this.#content.open());
  }

  /** Failures of the content are told apart from those of the registry, and an abort does not wait for it. */
  async #reading<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await orAborted(read(), this.#abortSignal);
    } catch (error) {
      throwIfAborted(this.#abortSignal);
      throw this.#readError(error);
    }
  }

  #readError(cause: unknown): Error {
    return readError(cause, this.#repository, this.#digester.sizeInBytes);
  }

  /** How far it has come; everything is there only once the registry has said so. */
  #progress(loadedBytes: number): void {
    const totalBytes = this.#content.sizeInBytes;
    if (loadedBytes === 0 || loadedBytes !== totalBytes) this.#tell(loadedBytes, totalBytes);
  }

  /** What the caller's own function throws is the caller's to see, as it is. */
  #tell(loadedBytes: number, totalBytes: number | undefined): void {
    try {
      this.#options.onProgress?.({ kind: "progress", loadedBytes, totalBytes });
    } catch (error) {
      this.#callbackError = { error };
      throw error;
    }
  }
}

/** The error of a content that could not be read; what is no content at all says so itself. */
export function readError(cause: unknown, repository: string, bytesRead: number): Error {
  if (cause instanceof InvalidInputError || cause instanceof UnsupportedError) return cause;
  return new ContentReadError(
    `uploadBlob of ${repository} failed: the content could not be read after ${bytesRead} bytes: ${
      cause instanceof Error ? cause.message : String(cause)
    }. Nothing was committed.`,
    { operation: METHOD, repository, code: "CONTENT_READ_FAILED", cause },
  );
}
