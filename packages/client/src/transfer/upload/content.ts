import { type ByteSource, InvalidInputError } from "@acrkit/oci";
import { runtime } from "#runtime";

/** Content that can be read once: a web stream, a Node stream, any async iterable of bytes or text. */
export type StreamContent = ReadableStream<Uint8Array | string> | AsyncIterable<Uint8Array | string>;

/**
 * What a blob can be uploaded from. Everything but a stream can be read again, so that an upload that broke off starts over
 * by itself; a function that opens a new stream at each call makes a stream such a content too. Text is sent as UTF-8.
 */
export type BlobContent =
  | Uint8Array
  | ArrayBuffer
  | string
  | Blob
  | StreamContent
  | { readonly path: string }
  | (() => StreamContent | Promise<StreamContent>);

/** Content made ready: how large it is where that is known, and how to read it. */
export interface OpenableContent {
  readonly sizeInBytes: number | undefined;
  /** All bytes, when they are in memory already. */
  readonly inMemory: Uint8Array | undefined;
  /** What tells that another process has the same content; undefined where only a digest could. */
  readonly identity: readonly string[] | undefined;
  /** False when `open` can be called only once, and from the beginning. */
  readonly reopenable: boolean;
  /** Reads from byte `from` to the end. */
  open(from: number): ByteSource | Promise<ByteSource>;
  /** Says that nobody will look at a piece again, where that is of use. */
  release?(piece: Uint8Array): void;
  /** Closes a stream that will not be read after all. */
  discard(): void;
}

const nothingToDiscard = () => {};

/** @throws {InvalidInputError} the value cannot be a body, or is a stream that has been read already */
export async function toOpenable(content: BlobContent): Promise<OpenableContent> {
  if (typeof content === "string") return fromBytes(new TextEncoder().encode(content));
  if (content instanceof Uint8Array) return fromBytes(content);
  if (content instanceof ArrayBuffer) return fromBytes(new Uint8Array(content));
  if (content instanceof Blob) {
    return {
      sizeInBytes: content.size,
      inMemory: undefined,
      identity: undefined,
      reopenable: true,
      open: (from) => exactly(bytesOf(content.slice(from).stream()), content.size - from),
      discard: nothingToDiscard,
    };
  }
  if (typeof content === "function") {
    return {
      sizeInBytes: undefined,
      inMemory: undefined,
      identity: undefined,
      reopenable: true,
      open: async (from) => without(bytesOf(asStream(await content())), from),
      discard: nothingToDiscard,
    };
  }
  if (isStream(content)) {
    const stream = asStream(content);
    const source = bytesOf(stream);
    const discard = () => void closeStream(stream);
    return {
      sizeInBytes: undefined,
      inMemory: undefined,
      identity: undefined,
      reopenable: false,
      open: () => source,
      discard,
    };
  }
  if (typeof content === "object" && content !== null && "path" in content && typeof content.path === "string") {
    const { sizeInBytes, identity, open, release } = await runtime.openFile(content.path);
    return {
      sizeInBytes,
      inMemory: undefined,
      identity,
      reopenable: true,
      open: (from) => exactly(open(from), sizeInBytes - from),
      release,
      discard: nothingToDiscard,
    };
  }
  throw notABody(content);
}

const SLICE_BYTES = 1024 * 1024;

function fromBytes(bytes: Uint8Array): OpenableContent {
  const sizeInBytes = bytes.byteLength;
  return {
    sizeInBytes,
    inMemory: bytes,
    identity: undefined,
    reopenable: true,
    // The caller's memory may be resized, or be given to a worker, meanwhile.
    open: (from) => exactly(slicesOf(bytes, from, sizeInBytes), sizeInBytes - from),
    discard: nothingToDiscard,
  };
}

/** In slices: progress can be told, and the hash does not hold up everything else. */
async function* slicesOf(bytes: Uint8Array, from: number, to: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = from; at < to; at += SLICE_BYTES) yield bytes.subarray(at, Math.min(at + SLICE_BYTES, to));
}

/**
 * Content of a size that is announced: what changes while it is read fails here, where its request would wait for
 * bytes that do not come, or run over into the next.
 */
async function* exactly(source: ByteSource, sizeInBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  let seen = 0;
  for await (const part of source) {
    seen += part.byteLength;
    if (seen > sizeInBytes) throw new Error(`it is larger by ${seen - sizeInBytes} bytes than when the upload began`);
    yield part;
  }
  if (seen < sizeInBytes) throw new Error(`it is ${sizeInBytes - seen} bytes shorter than when the upload began`);
}

/** A stream that was opened anew, without the bytes that are not wanted again. */
async function* without(source: ByteSource, bytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  let left = bytes;
  for await (const part of source) {
    if (part.byteLength > left) yield left === 0 ? part : part.subarray(left);
    left = Math.max(0, left - part.byteLength);
  }
  if (left > 0) throw new Error(`it ended ${left} bytes earlier than when it was read the first time`);
}

function isStream(value: unknown): value is StreamContent {
  return (
    value instanceof ReadableStream || (typeof value === "object" && value !== null && Symbol.asyncIterator in value)
  );
}

/** A stream that has ended already would be an empty blob, and nobody would notice. */
function asStream(stream: StreamContent): StreamContent {
  if (!isStream(stream)) throw notABody(stream);
  const { locked, readableEnded, destroyed, errored, on } = stream as Partial<NodeStream> & { locked?: boolean };
  if (errored instanceof Error) throw errored;
  if (locked === true) throw new InvalidInputError("content", "stream", "it is locked: somebody else reads it");
  if (readableEnded === true || destroyed === true || isDisturbed(stream)) {
    throw new InvalidInputError(
      "content",
      "stream",
      "it has been read or closed already; pass a function that opens a new one",
    );
  }
  // A Node stream that fails while nobody reads it yet, a file that is not there, would end the process. Its error is kept
  // by the stream and comes out when it is read.
  if (typeof on === "function") (stream as unknown as NodeStream).on("error", () => {});
  return stream;
}

/** What of a Node stream is looked at; browsers have none. */
interface NodeStream {
  readonly readableEnded: boolean;
  readonly destroyed: boolean;
  readonly errored: Error | null;
  on(event: "error", listener: () => void): unknown;
  destroy(): unknown;
}

/** Never fails: what cannot be closed either was not needed. */
async function closeStream(stream: StreamContent): Promise<void> {
  try {
    if (stream instanceof ReadableStream) await stream.cancel();
    else if ("destroy" in stream) (stream as unknown as NodeStream).destroy();
    else await stream[Symbol.asyncIterator]().return?.();
  } catch {
    // It was not read, so that nothing is missing.
  }
}

/** Whether a web stream has been read from, which it does not tell; a Response does not take such a one as its body. */
function isDisturbed(stream: StreamContent): boolean {
  if (!(stream instanceof ReadableStream)) return false;
  try {
    new Response(stream as ReadableStream<Uint8Array>);
    return false;
  } catch {
    return true;
  }
}

async function* bytesOf(stream: StreamContent): AsyncGenerator<Uint8Array, void, undefined> {
  const encoder = new TextEncoder();
  for await (const part of iterate(stream)) {
    if (part instanceof Uint8Array) yield part;
    else if (typeof part === "string") yield encoder.encode(part);
    else throw new InvalidInputError("content", describe(part), "a stream of content yields bytes or text");
  }
}

function iterate(stream: StreamContent): AsyncIterable<Uint8Array | string> {
  if (Symbol.asyncIterator in stream) return stream as AsyncIterable<Uint8Array | string>;
  return readerIterator(stream as ReadableStream<Uint8Array | string>);
}

/** Not every browser can loop over a ReadableStream. */
async function* readerIterator<T>(stream: ReadableStream<T>): AsyncGenerator<T, void, undefined> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function notABody(value: unknown): InvalidInputError {
  return new InvalidInputError(
    "content",
    describe(value),
    "expected bytes, text, a Blob, a web or Node stream, an async iterable, { path }, or a function that opens a stream",
  );
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  return value.constructor?.name ?? "object";
}
