import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * The body of a request: counted, and asked for only when somebody reads it.
 *
 * A client that sent `Expect: 100-continue` is told to go on at the first read, as nginx does (ngx_http_request_body.c): an
 * upload that is refused is then never sent.
 */
export class RequestBody implements AsyncIterable<Uint8Array> {
  readonly #incoming: IncomingMessage;
  readonly #traffic: { bytesIn: number };
  #heldBackBy: ServerResponse | undefined;
  #isReading = false;

  constructor(incoming: IncomingMessage, traffic: { bytesIn: number }, heldBackBy: ServerResponse | undefined) {
    this.#incoming = incoming;
    this.#traffic = traffic;
    this.#heldBackBy = heldBackBy;
  }

  /** Whether the client waits to be told that it may send. */
  get isHeldBack(): boolean {
    return this.#heldBackBy !== undefined;
  }

  /** Whether somebody waits for the client to send more. */
  get isReading(): boolean {
    return this.#isReading;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    this.#heldBackBy?.writeContinue();
    this.#heldBackBy = undefined;
    // By default a reader that stops early, as at a limit, takes the connection with it, and the answer too.
    const parts = this.#incoming.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>;
    return {
      next: () => this.#next(parts),
      return: async (value) => (await parts.return?.(value)) ?? { done: true, value },
    };
  }

  async #next(parts: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    this.#isReading = true;
    const result = await parts.next();
    this.#isReading = false;
    if (result.done !== true) this.#traffic.bytesIn += result.value.byteLength;
    return result;
  }
}
