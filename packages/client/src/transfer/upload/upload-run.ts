import { type Digest, DigestMismatchError, digestAlgorithm, isDigest } from "@acrkit/oci";
import type { OperationOptions } from "@azure/core-client";
import { delay } from "@azure/core-util";
import { RegistryError, TransportError } from "../../errors/registry-error.ts";
import { logger } from "../../logger.ts";
import { orAborted, throwIfAborted } from "../../pipeline/abort-signal.ts";
import { LONGEST_PAUSE_IN_MS } from "../../pipeline/back-off.ts";
import { findBlob } from "../../registry/blobs.ts";
import type { RegistryConnection } from "../../registry/connection.ts";
import type { ProgressMeter } from "../progress.ts";
import { type Chunk, ChunkQueue } from "./chunk-queue.ts";
import type { OpenableContent } from "./content.ts";
import { ContentReader } from "./content-reader.ts";
import type { JournalEntry } from "./journal.ts";
import { sendBytes } from "./sending-bytes.ts";
import { UploadSession } from "./session.ts";
import { type Setback, setbackOf } from "./setback.ts";
import { type BodyPlan, planBody, singleRequestBytes } from "./strategy.ts";
import { appendStream } from "./streamed-append.ts";
import type { UploadBlobResult } from "./upload.ts";
import { METHOD, readError, withReason } from "./upload-errors.ts";

/** What an upload needs to know. */
export interface UploadParts {
  readonly connection: RegistryConnection;
  readonly repository: string;
  readonly content: OpenableContent;
  /** What the content must be, where that was said. */
  readonly expected: Digest | undefined;
  readonly chunkSizeInBytes: number | undefined;
  /** A session that is open already: one that a mount turned into. */
  readonly session: UploadSession | undefined;
  readonly journal: JournalEntry | undefined;
  readonly meter: ProgressMeter;
  readonly options: OperationOptions;
  readonly abortSignal: AbortSignal | undefined;
}

/**
 * One blob on its way: sessions, until one of them is committed.
 *
 * Whatever breaks, it asks the registry how far it has come and goes on from there; where the registry cannot say, it starts
 * over with a new session. Either needs the content from there on, see {@link ContentReader}.
 */
export class UploadRun {
  readonly #parts: UploadParts;
  readonly #reader: ContentReader;
  readonly #chunks: ChunkQueue;
  #session: UploadSession | undefined;
  /** A session that has been continued may hold what was sent before as well, if that arrived late. */
  #wasContinued = false;
  #streamFailed = false;
  /** The last body that was sent: what is learnt from a refusal depends on it. */
  #sent: { readonly sizeInBytes: number | undefined; readonly streamed: boolean } = { sizeInBytes: 0, streamed: false };
  /** The most that the registry ever had. */
  #mostConfirmed = 0;
  /** Setbacks in a row without getting any further. */
  #setbacks = 0;
  /** How much the registry had had at the most when it last refused the token. */
  #refusedAt: number | undefined;

  constructor(parts: UploadParts) {
    const { content, expected } = parts;
    this.#parts = parts;
    this.#session = parts.session;
    this.#reader = new ContentReader(content, expected === undefined ? undefined : digestAlgorithm(expected));
    this.#chunks = new ChunkQueue(this.#reader);
  }

  async run(): Promise<UploadBlobResult> {
    const { journal, options, abortSignal } = this.#parts;
    try {
      await this.#takeUp();
      for (;;) {
        try {
          return await this.#send();
        } catch (error) {
          await this.#recover(error);
        }
      }
    } catch (error) {
      await journal?.remove();
      const cancelled = this.#session?.cancel(options);
      // Who aborts does not wait for a courtesy.
      if (abortSignal?.aborted !== true) await cancelled;
      throw error;
    } finally {
      await this.#reader.close().catch(() => {});
    }
  }

  /** Goes on with the session of a process that is no more, where the registry still knows it. */
  async #takeUp(): Promise<void> {
    const { connection, repository, journal, meter, options } = this.#parts;
    const left = journal?.left;
    if (left === undefined || this.#session !== undefined) return;
    const session = UploadSession.resume(connection, repository, METHOD, left);
    if (session === undefined || !(await session.locate(options, { unread: false }))) return;
    this.#session = session;
    const { sizeInBytes } = this.#parts.content;
    const isPossible = sizeInBytes === undefined || session.confirmedBytes <= sizeInBytes;
    // The state of a hash cannot be kept: what the other process has sent is read and hashed once more.
    if (isPossible && (await this.#reading(() => this.#reader.skipTo(session.confirmedBytes)))) {
      logger.info(`upload to ${repository} goes on from ${session.confirmedBytes} bytes, as the journal has it`);
      this.#wasContinued = true;
      this.#mostConfirmed = session.confirmedBytes;
      meter.retrying(session.confirmedBytes);
      return;
    }
    await session.cancel(options);
    this.#session = undefined;
    this.#reader.restart();
  }

  /** Sends what is missing, and commits. */
  async #send(): Promise<UploadBlobResult> {
    // What is small is read before a session is opened: nothing is there to be cancelled when it cannot be read.
    const single = singleRequestBytes(this.#plan());
    if (this.#session === undefined || this.#session.confirmedBytes === 0) {
      if (this.#reader.position === 0 && (await this.#isWithin(single))) return this.#sendAtOnce(single);
    }
    const session = await this.#open();
    await this.#parts.journal?.save(session);
    const plan = this.#plan();
    if (plan.streams && !this.#chunks.holds(session.confirmedBytes)) {
      if (await this.#reading(() => this.#reader.hasMore())) await this.#stream(session);
      return this.#commit(session);
    }
    return this.#sendChunks(session);
  }

  async #isWithin(bytes: number): Promise<boolean> {
    const { sizeInBytes } = this.#parts.content;
    if (sizeInBytes !== undefined && sizeInBytes > bytes) return false;
    return this.#reading(() => this.#reader.isWithin(bytes));
  }

  async #sendAtOnce(maxBytes: number): Promise<UploadBlobResult> {
    this.#assertExpected();
    const chunk = await this.#reading(() => this.#chunks.head(maxBytes, 0));
    return this.#commit(await this.#open(), chunk);
  }

  async #stream(session: UploadSession): Promise<void> {
    const { repository, options, abortSignal, meter } = this.#parts;
    const { sizeInBytes, position } = this.#reader;
    this.#sent = { sizeInBytes: sizeInBytes === undefined ? undefined : sizeInBytes - position, streamed: true };
    await appendStream({
      session,
      reader: this.#reader,
      repository,
      options,
      abortSignal,
      onMoved: (moved) => meter.moved(moved),
      sourceError: (cause) => meter.callbackError?.error ?? this.#readError(cause),
    });
    this.#mostConfirmed = Math.max(this.#mostConfirmed, session.confirmedBytes);
    // What was announced has been sent; content that goes on says so here.
    await this.#reading(() => this.#reader.hasMore());
  }

  async #sendChunks(session: UploadSession): Promise<UploadBlobResult> {
    const { meter, journal, options } = this.#parts;
    for (;;) {
      const plan = this.#plan();
      const chunk = await this.#reading(() => this.#chunks.head(plan.chunkBytes, plan.minChunkBytes));
      if (chunk === undefined) return this.#commit(session);
      if (chunk.isLast && chunk.bytes.byteLength <= singleRequestBytes(plan)) return this.#commit(session, chunk);
      this.#chunks.readAhead(plan.chunkBytes);
      this.#sent = { sizeInBytes: chunk.bytes.byteLength, streamed: false };
      let isFree = false;
      await sendBytes(
        chunk.bytes,
        true,
        options,
        (body, watched) => session.append(body, () => chunk.bytes.byteLength, watched),
        () => (isFree = true),
      );
      this.#chunks.confirm(session.confirmedBytes, isFree);
      this.#noteHowFar(session);
      meter.moved(session.confirmedBytes);
      await journal?.save(session);
    }
  }

  async #commit(session: UploadSession, rest?: Chunk): Promise<UploadBlobResult> {
    const { repository, meter, journal, options } = this.#parts;
    const digest = this.#assertExpected();
    const sizeInBytes = this.#reader.hashedBytes;
    const restBytes = rest?.bytes.byteLength ?? 0;
    this.#sent = { sizeInBytes: restBytes, streamed: false };
    try {
      const confirmed =
        rest === undefined
          ? await session.commit(digest, sizeInBytes, options)
          : await sendBytes(rest.bytes, rest.from > 0, options, (body, watched) =>
              session.commit(digest, sizeInBytes, watched, body),
            );
      if (confirmed !== undefined && contradicts(confirmed, digest)) {
        throw new DigestMismatchError(
          `${METHOD} of ${repository}: the registry stored ${confirmed}, but ${digest} was sent`,
          { expected: digest, actual: confirmed, bytesRead: sizeInBytes },
        );
      }
    } catch (error) {
      if (setbackOf(error) !== "uncertain" || !(await this.#isThere(digest, sizeInBytes))) throw error;
      // It was the answer that got lost, or somebody else was faster; a session that is left would be of no use.
      await session.cancel(options);
    }
    await journal?.remove();
    this.#session = undefined;
    meter.done("verified", sizeInBytes);
    return { digest, sizeInBytes };
  }

  async #isThere(digest: Digest, sizeInBytes: number): Promise<boolean> {
    const { connection, repository, options, abortSignal } = this.#parts;
    throwIfAborted(abortSignal);
    try {
      const found = await findBlob(connection, repository, digest, options, METHOD);
      return found !== undefined && (found.sizeInBytes ?? sizeInBytes) === sizeInBytes;
    } catch {
      throwIfAborted(abortSignal);
      return false;
    }
  }

  /** Gets ready to go on, or throws what ends the upload. */
  async #recover(error: unknown): Promise<void> {
    const { connection, meter, options, abortSignal, repository } = this.#parts;
    throwIfAborted(abortSignal);
    if (meter.callbackError !== undefined) throw meter.callbackError.error;
    const session = this.#session;
    const setback = this.#setbackOf(error);
    // What fails without a session has been tried again by the pipeline already, and a body in memory with another token.
    if (session === undefined || setback === undefined) throw error;
    if (setback === "refused" && !this.#sent.streamed) throw error;
    const failure = error as RegistryError;

    const unread = setback === "refused" || setback === "too-large";
    if (setback === "too-large") this.#stepDown(failure);
    else if (setback === "refused") this.#assertNewRefusal(failure);
    else await this.#pauseAfter(failure);

    if (error instanceof TransportError && this.#sent.streamed) this.#streamFailed = true;
    const before = session.confirmedBytes;
    const isKnown = setback !== "lost" && (await session.locate(options, { unread }));
    throwIfAborted(abortSignal);
    if (isKnown && (await this.#goBackTo(session.confirmedBytes))) {
      // A stream may go on as one where the registry says how far it has come: nothing is lost then when it is cut again.
      this.#streamFailed = false;
      this.#wasContinued = true;
      if (setback === "misplaced" && session.confirmedBytes === before) this.#stepDown(failure);
      this.#noteHowFar(session);
    } else {
      if (!this.#reader.canGoBackTo(0)) throw withReason(failure, cannotStartOver(isKnown, session.confirmedBytes));
      await session.cancel(options);
      this.#session = undefined;
      this.#wasContinued = false;
      await this.#clearChunks();
      this.#reader.restart();
    }
    const from = this.#session?.confirmedBytes ?? 0;
    logger.info(
      `upload to ${repository} at ${connection.endpoint.host} goes on from ${from} bytes: ${failure.message}`,
    );
    meter.retrying(from);
  }

  /** Having got further than ever, an upload has all its retries again. */
  #noteHowFar({ confirmedBytes }: UploadSession): void {
    if (confirmedBytes <= this.#mostConfirmed) return;
    this.#mostConfirmed = confirmedBytes;
    this.#setbacks = 0;
  }

  #setbackOf(error: unknown): Setback | undefined {
    const setback = setbackOf(error);
    if (setback !== undefined || !this.#wasContinued || !(error instanceof RegistryError)) return setback;
    // A body that was given up may have arrived after all, behind the registry's answer: only a new session is sure.
    return error.code === "DIGEST_INVALID" ? "lost" : undefined;
  }

  async #goBackTo(offset: number): Promise<boolean> {
    if (this.#chunks.holds(offset)) {
      this.#chunks.goOnFrom(offset);
      return true;
    }
    await this.#clearChunks();
    if (!this.#reader.canGoBackTo(offset)) return false;
    this.#reader.goBackTo(offset);
    return true;
  }

  #clearChunks(): Promise<void> {
    return orAborted(this.#chunks.clear(), this.#parts.abortSignal);
  }

  /** Learns a smaller size; where there is none, the failure stands. */
  #stepDown(failure: RegistryError): void {
    const { sizeInBytes, streamed } = this.#sent;
    if (!this.#parts.connection.bodyLimits.refused(sizeInBytes, { streamed })) throw failure;
    // The registry's own lower bound, or what the caller asked for, may be in the way.
    if (!streamed && sizeInBytes !== undefined && this.#plan().chunkBytes >= sizeInBytes) throw failure;
  }

  /** A token may run out in the middle of a long upload; one that is refused again, no further on, is no good. */
  #assertNewRefusal(failure: RegistryError): void {
    if (this.#refusedAt !== undefined && this.#mostConfirmed <= this.#refusedAt) throw failure;
    this.#refusedAt = this.#mostConfirmed;
  }

  async #pauseAfter(failure: RegistryError): Promise<void> {
    const { connection, abortSignal } = this.#parts;
    const { maxRetries } = connection.backOff;
    if (this.#setbacks >= maxRetries) throw failure;
    const pause = failure.retryAfterInMs ?? connection.backOff.pauseInMs(this.#setbacks);
    if (pause > LONGEST_PAUSE_IN_MS) throw failure;
    this.#setbacks++;
    await delay(pause, abortSignal === undefined ? {} : { abortSignal });
  }

  async #open(): Promise<UploadSession> {
    const { connection, repository, options } = this.#parts;
    this.#session ??= await UploadSession.start(connection, repository, METHOD, options);
    return this.#session as UploadSession;
  }

  #plan(): BodyPlan {
    return planBody({
      limits: this.#parts.connection.bodyLimits,
      chunkSizeInBytes: this.#parts.chunkSizeInBytes,
      streamFailed: this.#streamFailed,
      minChunkBytes: this.#session?.minChunkBytes ?? 0,
    });
  }

  #assertExpected(): Digest {
    const { expected, repository } = this.#parts;
    const digest = this.#reader.digest();
    if (expected === undefined || expected === digest) return digest;
    throw new DigestMismatchError(
      `${METHOD} of ${repository}: the content should have been ${expected}, but is ${digest}; nothing was committed`,
      { expected, actual: digest, bytesRead: this.#reader.hashedBytes },
    );
  }

  /** Failures of the content are told apart from those of the registry, and an abort does not wait for it. */
  async #reading<T>(read: () => Promise<T>): Promise<T> {
    const { abortSignal } = this.#parts;
    try {
      return await orAborted(read(), abortSignal);
    } catch (error) {
      throwIfAborted(abortSignal);
      throw this.#readError(error);
    }
  }

  #readError(cause: unknown): Error {
    return readError(cause, this.#parts.repository, this.#reader.hashedBytes);
  }
}

/** A registry may name what it has stored by the hash that it prefers: docker-registry says sha256 whatever it was asked for. */
function contradicts(confirmed: string, digest: Digest): boolean {
  const isOfOtherKind = isDigest(confirmed) && digestAlgorithm(confirmed) !== digestAlgorithm(digest);
  return confirmed !== digest && !isOfOtherKind;
}

function cannotStartOver(isKnown: boolean, offset: number): string {
  const why = isKnown
    ? `The registry has only the first ${offset} bytes`
    : "The registry cannot go on with an upload that broke off";
  return `${why}, and the content is a stream, which cannot be read again from there: pass a function that opens a new one, or { path }.`;
}
