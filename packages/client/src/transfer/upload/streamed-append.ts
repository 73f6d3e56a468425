import type { OperationOptions } from "@azure/core-client";
import { runtime } from "#runtime";
import { UnexpectedResponseError } from "../../errors/registry-error.ts";
import { throwIfAborted } from "../../pipeline/abort-signal.ts";
import type { IdleTimer } from "../../pipeline/idle-timer.ts";
import type { ContentReader } from "./content-reader.ts";
import type { UploadSession } from "./session.ts";
import { METHOD } from "./upload-errors.ts";

export interface StreamedAppend {
  readonly session: UploadSession;
  readonly reader: ContentReader;
  readonly repository: string;
  readonly options: OperationOptions;
  readonly abortSignal: AbortSignal | undefined;
  /** Told how far the content has been taken. */
  readonly onMoved: (position: number) => void;
  /** Turns what the content, or `onMoved`, has thrown into the error to report. */
  readonly sourceError: (cause: unknown) => unknown;
}

/** Sends all that is left of the content in one PATCH, as it is read. */
export async function appendStream(parts: StreamedAppend): Promise<void> {
  const { session, reader, options, abortSignal: signal, onMoved } = parts;
  const streamBody = runtime.streamBody;
  if (streamBody === undefined) throw new TypeError("bodies cannot be streamed here");
  // The transport does not notice when a body fails half-way and would wait for ever: the request is aborted from here.
  const failure = new AbortController();
  const abortSignal = signal === undefined ? failure.signal : AbortSignal.any([signal, failure.signal]);
  let watch: () => IdleTimer | undefined = () => undefined;
  let cause: { readonly error: unknown } | undefined;
  let isSent = false;
  const from = reader.position;
  const sizeInBytes = reader.sizeInBytes === undefined ? undefined : reader.sizeInBytes - from;
  const body = streamBody(pieces(), (piece) => reader.release(piece));
  try {
    await session.append(
      // At the beginning nothing can be misplaced, and a stream without a range is what ACR is known to take.
      { body: body.body, sizeInBytes, ranged: from > 0, onStart: (started) => (watch = started) },
      () => reader.position - from,
      { ...options, abortSignal },
    );
  } catch (error) {
    throwIfAborted(signal);
    throw cause === undefined ? error : parts.sourceError(cause.error);
  } finally {
    body.close();
    // An answer that came first leaves a request half sent, on a connection that would stay open for ever.
    if (!isSent) failure.abort();
  }
  if (!isSent) {
    throw new UnexpectedResponseError(
      `${METHOD} of ${parts.repository} failed: the registry accepted a body before all of it had been sent.`,
      { operation: METHOD, repository: parts.repository, code: "UNEXPECTED_RESPONSE" },
    );
  }

  async function* pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      while (!isSent) {
        // A content that comes slowly is not a registry that stays silent.
        watch()?.pause();
        const piece = await reader.next();
        watch()?.resume();
        if (piece === undefined) break;
        // Of a length that was announced the registry may answer the last byte before anybody asks for what comes behind it.
        isSent = sizeInBytes !== undefined && reader.position - from >= sizeInBytes;
        yield piece;
        watch()?.touch();
        onMoved(reader.position);
      }
      isSent = true;
    } catch (error) {
      cause = { error };
      failure.abort();
      throw error;
    }
  }
}
