import type { Pace } from "../pipeline/pace.ts";
import { TurnQueue } from "../pipeline/turn-queue.ts";

/** One download, from its first request until it is read to its end or left. It moves when it begins. */
export interface OpenDownload {
  /** It moves by itself from now on: a request is waited for, a piece, or a whole file. */
  moves(): void;
  /** It stands still until its reader asks for more. */
  rests(): void;
  /** It has ended, in whichever way. Safe to call twice. */
  close(): void;
}

/**
 * Holds back the first requests of downloads: each has a connection from then on, and whoever starts five hundred at once would
 * open as many.
 *
 * A download that nobody reads gives nothing back, so that beyond the limit one may still begin whenever none is moving: a
 * caller that opens many before it reads the first, or one within the loop over another, is slowed down and never stuck.
 */
export class OpenDownloads {
  readonly #limit: () => number;
  readonly #queue: TurnQueue<undefined>;
  #open = 0;
  #moving = 0;
  #stillness: ReturnType<typeof setTimeout> | undefined;

  constructor(maxDownloads: number, pace: Pace) {
    this.#limit = () => Math.min(maxDownloads, pace.allowed);
    this.#queue = new TurnQueue<undefined>(
      () => this.#tryTake(),
      () => pace.pauseInMs,
    );
    pace.onRaise(() => this.#queue.review());
  }

  /** Waits until one more may begin. It counts as open from then on, until it is closed or aborted. */
  async begin(abortSignal: AbortSignal): Promise<OpenDownload> {
    await this.#queue.wait(undefined, abortSignal);
    let isMoving = true;
    let isOpen = true;
    const moves = () => {
      if (!isMoving && isOpen) this.#moving++;
      isMoving = isOpen;
    };
    const rests = () => {
      if (isMoving) this.#rest();
      isMoving = false;
    };
    const close = () => {
      if (!isOpen) return;
      abortSignal.removeEventListener("abort", close);
      rests();
      isOpen = false;
      this.#open--;
      this.#queue.review();
    };
    abortSignal.addEventListener("abort", close, { once: true });
    if (abortSignal.aborted) close();
    return { moves, rests, close };
  }

  #tryTake(): boolean {
    if (this.#open >= this.#limit() && this.#moving > 0) return false;
    this.#open++;
    this.#moving++;
    return true;
  }

  #rest(): void {
    this.#moving--;
    if (this.#moving > 0 || this.#queue.isEmpty) return;
    // Not at once: whoever has just got a piece will mostly ask for the next.
    this.#stillness ??= setTimeout(() => {
      this.#stillness = undefined;
      this.#queue.review();
    }, 0);
  }
}
