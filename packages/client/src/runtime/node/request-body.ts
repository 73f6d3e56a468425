import { OutgoingMessage } from "node:http";
import { Readable } from "node:stream";
import type { ByteSource } from "@acrkit/oci";
import type { StreamingBody } from "../port.ts";

/** What waits to be sent: a piece of a file. */
const WAITING_BYTES = 512 * 1024;

/**
 * A source as the body of a request, which the transport pipes into it. `onWritten` hears of each piece that the request has
 * passed on, so that its memory can be used again: for a large file that is a quarter of the whole work.
 */
export function streamBody(source: ByteSource, onWritten?: (piece: Uint8Array) => void): StreamingBody {
  const body = new RequestBody(source, onWritten);
  // The transport pipes the body and does not listen: the source's own failure is reported by whoever made it.
  body.on("error", () => {});
  return { body, close: () => body.close() };
}

class RequestBody extends Readable {
  readonly #parts: AsyncIterator<Uint8Array>;
  readonly #onWritten: ((piece: Uint8Array) => void) | undefined;
  #request: OutgoingMessage | undefined;

  constructor(source: ByteSource, onWritten: ((piece: Uint8Array) => void) | undefined) {
    super({ highWaterMark: WAITING_BYTES });
    this.#parts = source[Symbol.asyncIterator]();
    this.#onWritten = onWritten;
  }

  /** A request that is answered before all of it has gone out would keep its connection, and what waits, for ever. */
  close(): void {
    this.destroy();
    if (this.#request?.writableFinished === false) this.#request.destroy();
  }

  override _read(): void {
    this.#parts.next().then(
      ({ done, value }) => {
        if (this.destroyed) return;
        // A piece without a byte would count as none, and nobody would ask for the next.
        if (done !== true && value.byteLength === 0) this._read();
        else this.push(done === true ? null : value);
      },
      (error: unknown) => this.destroy(error as Error),
    );
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    // One that stands still ends when it moves again; nobody waits for that.
    this.#parts.return?.().catch(() => {});
    callback(error);
  }

  /**
   * As always, but for a request: only there does a written piece mean that its bytes are on their way. A stream in between
   * would call back at once and keep the piece.
   */
  override pipe<T extends NodeJS.WritableStream>(target: T, options?: { end?: boolean }): T {
    if (!(target instanceof OutgoingMessage)) return super.pipe(target, options);
    this.#request = target;
    const onWritten = this.#onWritten;
    if (onWritten === undefined) return super.pipe(target, options);
    this.on("data", (piece: Buffer) => {
      // Whoever listens as well, a policy of the caller's, may keep the piece.
      const isAlone = this.listenerCount("data") === 1;
      const hasRoom = target.write(piece, (error) => {
        if (isAlone && (error === undefined || error === null)) onWritten(piece);
      });
      if (!hasRoom) this.pause();
    });
    target.on("drain", () => this.resume());
    this.on("end", () => target.end());
    return target;
  }
}
