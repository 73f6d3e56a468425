import { collectBytes } from "@acrkit/oci";
import { type PipelineResponse, RestError } from "@azure/core-rest-pipeline";
import { IdleTimer } from "./idle-timer.ts";
import { IDLE_TIMEOUT_CODE } from "./transient.ts";

/** A body that is read by asking: cheaper per piece than a generator, of which a large body passes many thousands. */
export interface BodyReader {
  /** The next piece; undefined once the body has ended or was closed. */
  read(): Promise<Uint8Array | undefined>;
  /**
   * Fills a buffer, which costs far less than piece by piece. Gives the number of bytes that it got: one at least, and 0 at the
   * body's end. What fails behind some bytes fails at the next call.
   */
  readInto(into: Uint8Array): Promise<number>;
  /** Closes the connection, unless the body has ended. Safe to call twice. */
  close(): void;
}

/** What both kinds of stream have in common once a reader is made for each. */
interface RawReader {
  read(): Promise<Uint8Array | undefined>;
  /** The next piece when it is there already. */
  take?(): Uint8Array | undefined;
  /** As `BodyReader`'s; without it, pieces are copied. */
  readInto?(into: Uint8Array, onPiece: (sizeInBytes: number) => void): Promise<number>;
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
 * The body of an answer, to be read by asking. Single use; one that is not read to its end must be closed.
 *
 * A body that makes no progress, or takes too long all in all, fails with `IDLE_TIMEOUT`. The consumer may take as long as
 * it likes: the watch is on the registry.
 */
export function openBody(
  response: PipelineResponse,
  { idleTimeoutInMs, totalTimeoutInMs = Number.POSITIVE_INFINITY }: BodyPatience,
): BodyReader {
  const raw = openReader(response);
  if (raw === undefined) return { read: async () => undefined, readInto: async () => 0, close() {} };
  const giveUp = (problem: string) => () => raw.close(new RestError(problem, { code: IDLE_TIMEOUT_CODE }));
  const timers = [
    new IdleTimer(
      idleTimeoutInMs,
      giveUp(`the answer stopped: next to nothing came for ${Math.round(idleTimeoutInMs)} ms`),
    ),
    new IdleTimer(totalTimeoutInMs, giveUp(`the answer was not there after ${Math.round(totalTimeoutInMs)} ms`)),
  ] as const;
  const [idle, total] = timers;
  for (const timer of timers) timer.pause();
  let progress = 0;
  let isOver = false;
  const close = () => {
    if (isOver) return;
    isOver = true;
    for (const timer of timers) timer.stop();
    raw.close();
  };
  const count = (sizeInBytes: number) => {
    progress += sizeInBytes;
    if (progress < PROGRESS_BYTES) return;
    progress = 0;
    idle.touch();
  };
  const watched = async <T>(work: () => Promise<T>): Promise<T> => {
    idle.resume();
    total.resume();
    try {
      const result = await work();
      idle.pause();
      total.pause();
      return result;
    } catch (error) {
      close();
      throw error;
    }
  };
  /** What was left of a piece that did not fit. */
  let rest: Uint8Array | undefined;
  const read = async () => {
    if (isOver) return undefined;
    if (rest !== undefined) {
      const part = rest;
      rest = undefined;
      return part;
    }
    const part = raw.take?.() ?? (await watched(() => raw.read()));
    if (part === undefined) close();
    else count(part.byteLength);
    return part;
  };
  const copyInto = async (into: Uint8Array) => {
    const part = await read();
    if (part === undefined) return 0;
    const own = part.subarray(0, into.byteLength);
    into.set(own);
    if (own.byteLength < part.byteLength) rest = part.subarray(own.byteLength);
    return own.byteLength;
  };
  return {
    read,
    async readInto(into) {
      if (isOver) return 0;
      const fill = raw.readInto;
      if (fill === undefined) return copyInto(into);
      const size = await watched(() => fill(into, count));
      if (size === 0) close();
      return size;
    },
    close,
  };
}

/** The same as a loop; leaving it early closes the connection. */
export async function* readBody(
  response: PipelineResponse,
  patience: BodyPatience,
): AsyncGenerator<Uint8Array, void, undefined> {
  const body = openBody(response, patience);
  try {
    for (;;) {
      const part = await body.read();
      if (part === undefined) return;
      yield part;
    }
  } finally {
    body.close();
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

function openReader(response: PipelineResponse): RawReader | undefined {
  const { [bytesKey]: bytes } = response as ResponseWithBytes;
  if (bytes !== undefined) return oneShotReader(bytes);
  // A transport that was swapped in (`httpClient`) may give the text, as Azure Core's own tests do.
  if (typeof response.bodyAsText === "string") return oneShotReader(new TextEncoder().encode(response.bodyAsText));
  if (response.readableStreamBody !== undefined) return nodeReader(response.readableStreamBody);
  if (response.browserStreamBody !== undefined)
    return webReader(response.browserStreamBody as ReadableStream<Uint8Array>);
  return undefined;
}

function oneShotReader(bytes: Uint8Array): RawReader {
  let left: Uint8Array | undefined = bytes.byteLength === 0 ? undefined : bytes;
  return {
    async read() {
      const part = left;
      left = undefined;
      return part;
    },
    close() {},
  };
}

type NodeStream = NodeJS.ReadableStream & {
  readonly destroyed?: boolean;
  readonly errored?: Error | null;
  readonly readableEnded?: boolean;
  destroy?(error?: Error): void;
};

/** A buffer that the pieces are copied into as they come. */
interface Filling {
  readonly into: Uint8Array;
  size: number;
  onPiece(sizeInBytes: number): void;
  resolve(size: number): void;
  reject(error: Error): void;
}

/** So much may wait for a slow consumer before the stream is told to pause. */
const QUEUED_BYTES = 128 * 1024;

/**
 * Takes the pieces as the stream emits them. Node's own iterator reads what has gathered in one copy, which for large
 * bodies costs more than the pieces do. Nothing flows before the first read.
 */
function nodeReader(stream: NodeStream): RawReader {
  const queue: Uint8Array[] = [];
  let queuedBytes = 0;
  let isPaused = true;
  let isListening = false;
  let isEnded = false;
  let failure: Error | undefined;
  let waiting: { resolve(part: Uint8Array | undefined): void; reject(error: Error): void } | undefined;
  let filling: Filling | undefined;
  const isFresh = isFromConnection(stream);

  function listen(): void {
    isListening = true;
    stream.on("data", (part: Uint8Array) => {
      if (waiting !== undefined) {
        const { resolve } = waiting;
        waiting = undefined;
        resolve(part);
        return;
      }
      let left: Uint8Array | undefined = part;
      if (filling !== undefined) {
        const { onPiece, into, resolve } = filling;
        const own = part.subarray(0, into.byteLength - filling.size);
        into.set(own, filling.size);
        filling.size += own.byteLength;
        onPiece(own.byteLength);
        left = own.byteLength < part.byteLength ? part.subarray(own.byteLength) : undefined;
        if (filling.size === into.byteLength) {
          filling = undefined;
          resolve(into.byteLength);
        }
      }
      if (left === undefined) return dispose(part);
      queue.push(left);
      queuedBytes += left.byteLength;
      if (queuedBytes < QUEUED_BYTES || isPaused) return;
      isPaused = true;
      stream.pause();
    });
    stream.on("end", () => end());
    stream.on("error", (error: Error) => end(error));
    // A stream that was destroyed without a reason says nothing else.
    stream.on("close", () => end(isEnded ? undefined : prematureClose()));
    // What happened before there was anyone to listen.
    if (stream.readableEnded === true) end();
    else if (stream.destroyed === true) end(stream.errored ?? prematureClose());
    // Listening alone starts the flow.
    isPaused = false;
  }

  /** A piece that has been copied, and that nobody else gets to see. */
  function dispose(part: Uint8Array): void {
    if (isFresh && stream.listenerCount("data") === 1) freeBuffer(part);
  }

  function end(error?: Error): void {
    if (isEnded) return;
    isEnded = true;
    failure = error;
    if (filling !== undefined) {
      const { size, resolve, reject } = filling;
      filling = undefined;
      if (size > 0 || error === undefined) resolve(size);
      else reject(error);
    }
    if (waiting === undefined) return;
    const { resolve, reject } = waiting;
    waiting = undefined;
    if (error === undefined) resolve(undefined);
    else reject(error);
  }

  function take(): Uint8Array | undefined {
    const part = queue.shift();
    if (part !== undefined) queuedBytes -= part.byteLength;
    return part;
  }

  return {
    take,
    read() {
      if (!isListening) listen();
      const part = take();
      if (part !== undefined) return Promise.resolve(part);
      if (failure !== undefined) return Promise.reject(failure);
      if (isEnded) return Promise.resolve(undefined);
      if (isPaused) {
        isPaused = false;
        stream.resume();
      }
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
      });
    },
    readInto(into, onPiece) {
      if (!isListening) listen();
      let size = 0;
      while (size < into.byteLength) {
        const part = take();
        if (part === undefined) break;
        const own = part.subarray(0, into.byteLength - size);
        into.set(own, size);
        size += own.byteLength;
        if (own.byteLength === part.byteLength) {
          dispose(part);
          continue;
        }
        const left = part.subarray(own.byteLength);
        queue.unshift(left);
        queuedBytes += left.byteLength;
      }
      if (size > 0) onPiece(size);
      if (size === into.byteLength || (isEnded && size > 0)) return Promise.resolve(size);
      if (failure !== undefined) return Promise.reject(failure);
      if (isEnded) return Promise.resolve(0);
      if (isPaused) {
        isPaused = false;
        stream.resume();
      }
      return new Promise((resolve, reject) => {
        filling = { into, size, onPiece, resolve, reject };
      });
    },
    close(reason) {
      // A stream that has ended stays as it is, for its connection to serve the next request.
      if (stream.readableEnded !== true) stream.destroy?.(reason);
      if (isListening) end(reason);
    },
  };
}

/**
 * True for an answer that Node has read from a connection: it copies each piece into a buffer of its own. A transport that was
 * swapped in, and what stands in for a server in tests, may hand out memory that is somebody's.
 */
function isFromConnection(stream: NodeStream): boolean {
  return Boolean((stream as { socket?: { _handle?: unknown } | null }).socket?._handle);
}

/**
 * Left to the collection of garbage, buffers wait for a dear one: the objects that hold them are so small that the cheap ones
 * come too seldom. Half of what a download reads would wait for it, some 20 to 40 MiB at a time.
 */
function freeBuffer({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) buffer.transfer(0);
}

function prematureClose(): RestError {
  return new RestError("the connection was closed in the middle of the answer", { code: "ERR_STREAM_PREMATURE_CLOSE" });
}

/** A connection that breaks is a TypeError to fetch, without a code and in words of the browser's own. */
function asBroken(error: unknown): unknown {
  if (!(error instanceof TypeError)) return error;
  const message = `the connection broke in the middle of the answer: ${error.message}`;
  return new RestError(message, { code: RestError.REQUEST_SEND_ERROR });
}

/** A web stream gives one reader only: whoever closes it takes the one that it has. */
const readers = new WeakMap<ReadableStream<Uint8Array>, ReadableStreamDefaultReader<Uint8Array>>();

function readerOf(stream: ReadableStream<Uint8Array>): ReadableStreamDefaultReader<Uint8Array> {
  const reader = readers.get(stream) ?? stream.getReader();
  readers.set(stream, reader);
  return reader;
}

function webReader(stream: ReadableStream<Uint8Array>): RawReader {
  const reader = readerOf(stream);
  let failure: Error | undefined;
  return {
    async read() {
      const { done, value } = await reader.read().catch((error: unknown) => Promise.reject(asBroken(error)));
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
