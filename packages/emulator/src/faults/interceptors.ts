import type { EmulatorRequest, EmulatorResponse, Handler } from "../protocol/message.ts";

/** Stands before the protocol: answers itself, changes the answer of `next`, or throws `ConnectionCut`. */
export type Interceptor = (request: EmulatorRequest, next: Handler) => EmulatorResponse | Promise<EmulatorResponse>;

/** Thrown by an interceptor: the connection is closed without an answer. */
export class ConnectionCut extends Error {
  override readonly name = "ConnectionCut";
}

/** Interceptors that can be added and removed while the emulator runs. */
export class Interceptors {
  #list: readonly Interceptor[] = [];

  /** Adds one, outside of those that are there; the function given back removes it. */
  add(interceptor: Interceptor): () => void {
    // Wrapped, so that the same function added twice is two entries.
    const entry: Interceptor = (request, next) => interceptor(request, next);
    this.#list = [...this.#list, entry];
    return () => {
      this.#list = this.#list.filter((other) => other !== entry);
    };
  }

  /** Removes all of them. */
  clear(): void {
    this.#list = [];
  }

  /** The handler with all of them around it. A request keeps the list it began with. */
  around(handler: Handler): Handler {
    return (request) => {
      const whole = this.#list.reduce<Handler>(
        (next, interceptor) => async (received) => interceptor(received, next),
        handler,
      );
      return whole(request);
    };
  }
}
