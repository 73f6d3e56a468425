import { ConnectionCut } from "./faults/interceptors.ts";
import type { Handler } from "./protocol/message.ts";

/**
 * Lets requests through to the registries, and turns away those that began before the last reset: an interceptor may hold a
 * request back for as long as it likes, and what it lets go later must not reach what has been emptied in the meantime.
 */
export class Admission {
  #generation = 0;
  #resetting: Promise<void> | undefined;
  readonly #inside = new Set<Promise<unknown>>();

  /** `handler` with `intercept` around it, for which a request is what it was when it began. */
  around(intercept: (handler: Handler) => Handler, handler: Handler): Handler {
    return async (request) => {
      while (this.#resetting !== undefined) await this.#resetting;
      const generation = this.#generation;
      return intercept((received) => {
        if (generation !== this.#generation) throw new ConnectionCut();
        return this.#admit(handler(received));
      })(request);
    };
  }

  /**
   * Calls `cut`, which ends the requests that are under way, waits until the registries have let go of them, and does `work`
   * while no other request comes in; those wait.
   */
  async reset(cut: () => void, work: () => Promise<void>): Promise<void> {
    while (this.#resetting !== undefined) await this.#resetting;
    let reopen = () => {};
    this.#resetting = new Promise((resolve) => {
      reopen = resolve;
    });
    try {
      this.#generation++;
      cut();
      await Promise.allSettled(this.#inside);
      await work();
    } finally {
      this.#resetting = undefined;
      reopen();
    }
  }

  #admit<T>(answering: Promise<T>): Promise<T> {
    this.#inside.add(answering);
    const leave = () => this.#inside.delete(answering);
    answering.then(leave, leave);
    return answering;
  }
}
