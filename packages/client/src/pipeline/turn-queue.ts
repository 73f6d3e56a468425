import { AbortError } from "@azure/abort-controller";
import { throwIfAborted } from "./abort-signal.ts";

interface Waiting<Need> {
  readonly need: Need;
  readonly letIn: () => void;
}

/**
 * Those who wait for a turn, first come first served: nobody overtakes, so that a large need is not passed over for ever by
 * small ones. Who leaves must see to it that `review` is called.
 */
export class TurnQueue<Need> {
  readonly #tryTake: (need: Need) => boolean;
  readonly #pauseInMs: () => number;
  /** In order of arrival. A set, since an abort takes one out of its middle. */
  readonly #waiting = new Set<Waiting<Need>>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param tryTake - takes what is needed, all of it, and says whether it was there
   * @param pauseInMs - how long nobody is let in, from now
   */
  constructor(tryTake: (need: Need) => boolean, pauseInMs: () => number) {
    this.#tryTake = tryTake;
    this.#pauseInMs = pauseInMs;
  }

  /** True when nobody waits. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Resolves once `need` has been taken; rejects at once, with nothing taken, on an abort. */
  async wait(need: Need, abortSignal: AbortSignal | undefined): Promise<void> {
    throwIfAborted(abortSignal);
    if (this.#waiting.size === 0 && this.#pauseInMs() <= 0 && this.#tryTake(need)) return;
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.delete(waiting);
        reject(new AbortError("The operation was aborted."));
        // It may have been what the others waited behind.
        this.review();
      };
      const waiting: Waiting<Need> = {
        need,
        letIn: () => {
          abortSignal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      this.#waiting.add(waiting);
      abortSignal?.addEventListener("abort", onAbort, { once: true });
      this.review();
    });
  }

  /** Lets in whoever may go now. To be called when anything has been given back, or has become allowed. */
  review(): void {
    const pause = this.#pauseInMs();
    if (pause <= 0) {
      for (const waiting of this.#waiting) {
        if (!this.#tryTake(waiting.need)) break;
        this.#waiting.delete(waiting);
        waiting.letIn();
      }
    }
    // A timer only while somebody waits for it, so that it keeps no process alive.
    if (this.#waiting.size === 0 || pause <= 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.review();
    }, Math.ceil(pause));
  }
}
