import type { OperationOptions } from "@azure/core-client";
import { runtime } from "#runtime";
import { throwIfAborted, toAbortSignal } from "../../pipeline/abort-signal.ts";
import type { IdleTimer } from "../../pipeline/idle-timer.ts";
import type { UploadBody } from "./session.ts";

/** Small enough that a slow connection shows that it moves, large enough not to cost anything. */
const SLICE_BYTES = 256 * 1024;

/**
 * Sends bytes in memory as a request's body. Where bodies can be streamed it goes out slice by slice: handed over whole,
 * nothing would be seen of its progress, and a connection that stalls would be waited for as long as the slowest could take.
 * `onFree` hears when the last of them has been passed on, and nobody else was given any: their memory can be used again.
 */
export async function sendBytes<T>(
  bytes: Uint8Array,
  ranged: boolean,
  options: OperationOptions,
  send: (body: UploadBody, options: OperationOptions) => Promise<T>,
  onFree: () => void = () => {},
): Promise<T> {
  const sizeInBytes = bytes.byteLength;
  const streamBody = runtime.streamBody;
  if (streamBody === undefined || sizeInBytes <= SLICE_BYTES)
    return send({ body: bytes, sizeInBytes, ranged }, options);
  const signal = toAbortSignal(options.abortSignal);
  const early = new AbortController();
  let watch: () => IdleTimer | undefined = () => undefined;
  let close = () => {};
  let isSent = false;
  // A function, so that it can be sent again when its token is refused.
  const open = () => {
    close();
    let writtenBytes = 0;
    const opened = streamBody(slices(), ({ byteLength }) => {
      writtenBytes += byteLength;
      if (writtenBytes === sizeInBytes) onFree();
    });
    close = opened.close;
    return opened.body as NodeJS.ReadableStream;
  };
  const onStart = (started: () => IdleTimer | undefined) => {
    watch = started;
  };
  try {
    const abortSignal = signal === undefined ? early.signal : AbortSignal.any([signal, early.signal]);
    return await send({ body: open, sizeInBytes, ranged, onStart }, { ...options, abortSignal });
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  } finally {
    close();
    // An answer that came first leaves a request half sent, on a connection that would stay open for ever.
    if (!isSent) early.abort();
  }

  async function* slices(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = 0; at < sizeInBytes; at += SLICE_BYTES) {
      // The registry may answer the last byte before anybody asks for what comes behind it.
      isSent = at + SLICE_BYTES >= sizeInBytes;
      yield bytes.subarray(at, at + SLICE_BYTES);
      watch()?.touch();
    }
  }
}
