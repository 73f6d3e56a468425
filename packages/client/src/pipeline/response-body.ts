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

/**
 * The body of an answer, piece by piece. Single use; leaving the loop early closes the connection.
 *
 * A body that makes no progress for `idleTimeoutInMs` fails with `IDLE_TIMEOUT`.
 */
export async function* readBody(
  response: PipelineResponse,
  idleTimeoutInMs: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = openReader(response);
  if (reader === undefined) return;
  const idle = new RestError(`the answer stopped: nothing came for ${idleTimeoutInMs} ms`, { code: IDLE_TIMEOUT_CODE });
  const timer = new IdleTimer(idleTimeoutInMs, () => reader.close(idle));
  try {
    for (;;) {
      timer.touch();
      const part = await reader.next();
      if (part === undefined) return;
      // The consumer may take as long as it likes: the watch is on the registry.
      timer.stop();
      yield part;
      timer.restart();
    }
  } finally {
    timer.stop();
    reader.close();
  }
}

/** The whole body as text, up to a bound. */
export async function readText(
  response: PipelineResponse,
  options: { maxBytes: number; idleTimeoutInMs: number; what: string },
): Promise<string> {
  const bytes = await collectBytes(readBody(response, options.idleTimeoutInMs), options.maxBytes, options.what);
  return new TextDecoder().decode(bytes);
}

/** Reading a short rest keeps the connection for the next request; a long one is cheaper to cut off. */
const DRAIN_BYTES = 64 * 1024;
const DRAIN_TIMEOUT_IN_MS = 2_000;

/** Ends an answer nobody wants. Never fails: what mattered is known already. */
export async function discardBody(response: PipelineResponse): Promise<void> {
  let seen = 0;
  try {
    for await (const part of readBody(response, DRAIN_TIMEOUT_IN_MS)) {
      seen += part.byteLength;
      if (seen > DRAIN_BYTES) return;
    }
  } catch {
    // The connection is gone, which is all that was wanted.
  }
}

function openReader(response: PipelineResponse): BodyReader | undefined {
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
