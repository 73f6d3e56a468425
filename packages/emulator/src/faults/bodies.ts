import type { ByteSource } from "@acrkit/oci";
import { closeBody } from "../protocol/body.ts";
import type { EmulatorResponse } from "../protocol/message.ts";
import { ConnectionCut } from "./interceptors.ts";

type Parts = AsyncGenerator<Uint8Array, void, undefined>;

/** An answer with its body replaced by what `change` makes of it, piece by piece; one without a body stays as it is. */
export function withBody(response: EmulatorResponse, change: (source: ByteSource) => ByteSource): EmulatorResponse {
  const { body } = response;
  return body === undefined
    ? response
    : { ...response, body: change(body instanceof Uint8Array ? single(body) : body) };
}

/** How long an answer's body is; undefined where that shows only at its end. */
export function lengthOf({ body, headers }: EmulatorResponse): number | undefined {
  if (body === undefined) return 0;
  if (body instanceof Uint8Array) return body.byteLength;
  const length = headers.find(([name]) => name.toLowerCase() === "content-length")?.[1];
  return length === undefined ? undefined : Number(length);
}

/** The first `bytes`; if there are more, `end` is called, and what it throws passes on. */
export function endAfter(source: ByteSource, bytes: number, end: () => void): ByteSource {
  return through(source, async function* (parts) {
    let left = bytes;
    for await (const part of parts) {
      if (part.byteLength <= left) {
        left -= part.byteLength;
        yield part;
        continue;
      }
      if (left > 0) yield part.subarray(0, left);
      end();
      return;
    }
  });
}

/** The same bytes but for those bits of byte `at` that `mask` has; `done` is called when it comes by. */
export function corruptAt(source: ByteSource, at: number, mask: number, done: () => void): ByteSource {
  return through(source, async function* (parts) {
    let offset = 0;
    for await (const part of parts) {
      const index = at - offset;
      offset += part.byteLength;
      if (index < 0 || index >= part.byteLength) {
        yield part;
        continue;
      }
      // A copy: the bytes may be somebody else's, a cached manifest.
      const corrupt = Uint8Array.from(part);
      corrupt[index] = (corrupt[index] ?? 0) ^ mask;
      done();
      yield corrupt;
    }
  });
}

/** Clock and sleep of a pace. */
export interface Pacing {
  /** Milliseconds since anything. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

/** Twenty pieces a second look smooth, and are no burden. */
const PIECES_PER_SECOND = 20;

/** As much lost time is made up for: timers are late by a millisecond or two. More would be a burst. */
const SLACK_MS = 1000 / PIECES_PER_SECOND;

/** The same bytes, no faster than `bytesPerSecond`: in small pieces, each when it is due. */
export function paced(source: ByteSource, bytesPerSecond: number, pacing: Pacing): ByteSource {
  const pieceBytes = Math.max(1, Math.floor(bytesPerSecond / PIECES_PER_SECOND));
  return through(source, async function* (parts) {
    let due = pacing.now();
    for await (const part of parts) {
      for (let at = 0; at < part.byteLength; at += pieceBytes) {
        const piece = part.subarray(at, at + pieceBytes);
        due = Math.max(due, pacing.now() - SLACK_MS) + (piece.byteLength / bytesPerSecond) * 1000;
        const pause = due - pacing.now();
        if (pause > 0) await pacing.sleep(pause);
        yield piece;
      }
    }
  });
}

/** The same bytes; once `signal` aborts, whoever waits for more is told so, however long the source holds it back. */
export function untilAborted(source: ByteSource, signal: AbortSignal): ByteSource {
  return {
    [Symbol.asyncIterator]() {
      const parts = source[Symbol.asyncIterator]();
      let fail: (error: Error) => void = () => {};
      const leave = () => signal.removeEventListener("abort", cut);
      const close = async () => {
        await parts.return?.();
      };
      const cut = () => {
        leave();
        fail(new ConnectionCut());
        // A source that is stuck hears of it when it goes on.
        close().catch(() => {});
      };
      signal.addEventListener("abort", cut);
      return {
        async next() {
          if (signal.aborted) throw new ConnectionCut();
          try {
            const result = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
              fail = reject;
              parts.next().then(resolve, reject);
            });
            if (result.done === true) leave();
            return result;
          } catch (error) {
            leave();
            throw error;
          }
        },
        async return() {
          leave();
          if (!signal.aborted) await close();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

/** A changed source that also closes the one below when it is left before its first piece, which a generator would not. */
function through(source: ByteSource, change: (parts: ByteSource) => Parts): ByteSource {
  return {
    [Symbol.asyncIterator]() {
      const parts = change(source);
      let started = false;
      return {
        next() {
          started = true;
          return parts.next();
        },
        async return() {
          if (!started) await closeBody(source);
          return parts.return();
        },
      };
    },
  };
}

async function* single(bytes: Uint8Array): Parts {
  if (bytes.byteLength > 0) yield bytes;
}
