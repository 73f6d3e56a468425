import type { Patient } from "../resilience/faulty-registry.ts";
import type { GivingUp } from "./scenario.ts";

/** A signal that aborts when the scenario says so, if ever. */
export class Impatience implements Disposable {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(abort: GivingUp | undefined, watchBytes: Patient["watchBytes"]) {
    if (abort === undefined) return;
    if ("afterMs" in abort) this.#timer = setTimeout(() => this.#controller.abort(), abort.afterMs);
    else
      watchBytes((count) => {
        if (count >= abort.atBytes) this.#controller.abort();
      });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
