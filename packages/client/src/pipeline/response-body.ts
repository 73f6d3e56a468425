import { collectBytes } from "@acrkit/oci";
import { type PipelineResponse, RestError } from "@azure/core-rest-pipeline";
import { IdleTimer } from "./idle-timer.ts";
import { IDLE_TIMEOUT_CODE } from "./transient.ts";

/** What both kinds of stream have in common once a reader is made for each. */
interface BodyReader {
  next(): Promise<Uint8Array | undefined>;
  /** Closes the connection, unless the body has ended. */
  close(reason?: Error): void;
}

/** How long a body may take. */
export interface BodyPatience {
  /** Without any progress to speak of. */
  readonly idleTimeoutInMs: number;
  /** All in all, for a body that is read into memory; the time that the consumer takes does not count. */
  readonly totalTimeoutInMs?: number;
}

/** Less than this within the idle timeout is not progress: a body that drips could otherwise hold its reader for months. */
const PROGRESS_BYTES = 1024;

/**
 * The body of an answer, piece by piece. Single use; leaving the loop early closes the connection.
 *
 * A body that makes no progress, or takes too long all in all, fails with `IDLE_TIMEOUT`. The consumer may take as long as
 * it likes: the watch is on the registry.
 */
export async function* readBody(
  response: PipelineResponse,
  { idleTimeoutInMs, totalTimeoutInMs = Number.POSITIVE_INFINITY }: BodyPatience,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = openReader(response);
  if (reader === undefined) return;
  const giveUp = (problem: string) => () => reader.close(new RestError(problem, { code: IDLE_TIMEOUT_CODE }));
  const idle = new IdleTimer(
    idleTimeoutInMs,
    giveUp(`the answer stopped: next to nothing came for ${Math.round(idleTimeoutInMs)} ms`),
  );
  const total = new IdleTimer(
    totalTimeoutInMs,
    giveUp(`the answer was not there after ${Math.round(totalTimeoutInMs)} ms`),
  );
  let progress = 0;
  try {
    for (;;) {
      const part = await reader.next();
      if (part === undefined) return;
      progress += part.byteLength;
      if (progress >= PROGRESS_BYTES) {
        progress = 0;
        idle.touch();
      }
      idle.pause();
      total.pause();
      yield part;
      idle.resume();
      total.resume();
    }
  } finally {
    idle.stop();
    total.stop();
    reader.close();
  }
}

/** The whole body as text, up to a bound. */
export async function readText(
  response: PipelineResponse,
  options: BodyPatience & { readonly maxBytes: number; readonly what: string },
): Promise<string> {
  const bytes = await collectBytes(readBody(response, options), options.maxBytes, options.what);
  return new TextDecoder().decode(bytes);
}

/** Reading a short rest keeps the connection for the next request; a long one is cheaper to cut off. */
const DRAIN_BYTES = 64 * 1024;
const DRAIN_TIMEOUT_IN_MS = 2_000;

/** Ends an answer nobody wants. Never fails: what mattered is known already. */
export async function discardBody(response: PipelineResponse): Promise<void> {
  let seen = 0;
  try {
    const patience = { idleTimeoutInMs: DRAIN_TIMEOUT_IN_MS, totalTimeoutInMs: DRAIN_TIMEOUT_IN_MS };
    for await (const part of readBody(response, patience)) {
      seen += part.byteLength;
      if (seen > DRAIN_BYTES) return;
    }
  } catch {
    // The connection is gone, which is all that was wanted.
  }
}

/** Closes the connection of an answer that has not been read. */
export function closeBody(response: PipelineResponse): void {
  openReader(response)?.close();
}

const bytesKey = Symbol("acrkit.bytes");
type ResponseWithBytes = PipelineResponse & { [bytesKey]?: Uint8Array };

/** The same answer, its body in memory already. */
export function withBytes({ request, status, headers }: PipelineResponse, bytes: Uint8Array): PipelineResponse {
  const response: ResponseWithBytes = { request, status, headers, [bytesKey]: bytes };
  return response;
}

function openReader(response: PipelineResponse): BodyReader | undefined {
  const { [bytesKey]: bytes } = response as ResponseWithBytes;
  if (bytes !== undefined) return oneShotReader(bytes);
  // A transport that was swapped in (`httpClient`) may give the text, as Azure Core's own tests do.
  if (typeof response.bodyAsText === "string") return oneShotReader(new TextEncoder().encode(response.bodyAsText));
  if (response.readableStreamBody !== undefined) return nodeReader(response.readableStreamBody);
  if (response.browserStreamBody !== undefined)
    return webReader(response.browserStreamBody as ReadableStream<Uint8Array>);
  return undefined;
}

function oneShotReader(bytes: Uint8Array): BodyReader {
  let left: Uint8Array | undefined = bytes.byteLength === 0 ? undefined : bytes;
  return {
    async next() {
      const part = left;
      left = undefined;
      return part;
    },
    close() {},
  };
}

type NodeStream = NodeJS.ReadableStream & { destroy?(error?: Error): void };

function nodeReader(stream: NodeStream): BodyReader {
  const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let ended = false;
  return {
    async next() {
      const { done, value } = await iterator.next();
      ended = done === true;
      return ended ? undefined : value;
    },
    close(reason) {
      if (!ended) stream.destroy?.(reason);
    },
  };
}

function webReader(stream: ReadableStream<Uint8Array>): BodyReader {
  const reader = stream.getReader();
  let failure: Error | undefined;
  return {
    async next() {
      const { done, value } = await reader.read();
      if (failure !== undefined) throw failure;
      return done ? undefined : value;
    },
    close(reason) {
      failure = reason;
      // Resolves a pending read as done; harmless after the end.
      reader.cancel(reason).catch(() => {});
    },
  };
}
