import { untilAborted } from "./faults/bodies.ts";
import { ConnectionCut } from "./faults/interceptors.ts";
import { closeBody } from "./protocol/body.ts";
import type { EmulatorRequest, EmulatorResponse, Handler } from "./protocol/message.ts";

/** What the registries have given to a request, for as long as it is under way. */
interface Visit {
  isOver: boolean;
  readonly bodies: EmulatorResponse["body"][];
}

/**
 * Lets requests through to the registries, and turns away those that began before the last reset: an interceptor may hold a
 * request back for as long as it likes, and what it lets go later must not reach what has been emptied in the meantime.
 */
export class Admission {
  #generation = new AbortController();
  #resetting: Promise<void> | undefined;
  readonly #inside = new Set<Promise<unknown>>();
  readonly #visits = new WeakMap<EmulatorRequest, Visit>();

  /** Aborts when the next reset begins: what belongs to a request that came before is of no interest then. */
  get signal(): AbortSignal {
    return this.#generation.signal;
  }

  /**
   * `handler` with `intercept` around it, for which a request is what it was when it began; its signal aborts at the next
   * reset.
   */
  around(intercept: (handler: Handler, signal: AbortSignal) => Handler, handler: Handler): Handler {
    return async (request) => {
      const { signal } = this;
      while (this.#resetting !== undefined) await this.#resetting;
      if (signal.aborted) throw new ConnectionCut();
      const visit: Visit = { isOver: false, bodies: [] };
      this.#visits.set(request, visit);
      return intercept(async (received) => {
        if (signal.aborted) throw new ConnectionCut();
        const cuttable = { ...received, body: untilAborted(received.body, signal) };
        const response = await this.#admit(handler(cuttable));
        if (visit.isOver) close(response.body);
        else visit.bodies.push(response.body);
        return response;
      }, signal)(request);
    };
  }

  /**
   * Closes what the registries answered to a request that is over. What was sent is closed already, but an interceptor may
   * have dropped an answer, or put something around its body that was never read.
   */
  leave(request: EmulatorRequest): void {
    const visit = this.#visits.get(request);
    if (visit === undefined) return;
    visit.isOver = true;
    for (const body of visit.bodies) close(body);
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
      const before = this.#generation;
      this.#generation = new AbortController();
      before.abort();
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

/** Nobody waits for it, or hears of what goes wrong. */
function close(body: EmulatorResponse["body"]): void {
  closeBody(body).catch(() => {});
}
