import { InvalidInputError } from "@acrkit/oci";
import type { AbortSignalLike } from "@azure/abort-controller";
import { describeCall, withHint } from "../errors/describe.ts";
import { TransferTimeoutError } from "../errors/registry-error.ts";
import { toAbortSignal } from "../pipeline/abort-signal.ts";
import type { CallDescription } from "../pipeline/call-context.ts";
import { IdleTimer } from "../pipeline/idle-timer.ts";

/** How long a transfer may take in all. */
export interface TransferTimeoutOptions {
  /**
   * Milliseconds that the transfer may take in all: from the call until its last byte is verified, waiting for its turn, pauses
   * between retries and the time that the reader of a download takes among it. Beyond that it ends with a `TransferTimeoutError`
   * and leaves nothing behind. `Infinity` is no limit. What is no number above 0 is refused with an `InvalidInputError`.
   *
   * A registry that falls silent ends a transfer much sooner: see `idleTimeoutInMs` of the client.
   *
   * @defaultValue none
   */
  readonly timeoutInMs?: number;
}

/** How far a transfer has come; a `ProgressMeter` is one. */
export interface HowFar {
  /** False while it waits for its turn, or for whatever else comes before its bytes. */
  readonly hasStarted: boolean;
  readonly loadedBytes: number;
  readonly totalBytes: number | undefined;
}

const ITS_TURN = "its turn";

/** What a transfer is, in the words of its errors. */
export type TransferDescription = Pick<CallDescription, "operation" | "registry" | "repository" | "reference">;

/** The overall time-out of a transfer. It starts to count when it is made, and keeps a timer until `stop`. */
export class Deadline {
  /** Aborts with the caller's own signal, and once the time is over. Undefined when neither can happen. */
  readonly signal: AbortSignal | undefined;
  readonly #timeoutInMs: number;
  readonly #transfer: TransferDescription;
  readonly #howFar: HowFar;
  readonly #timer: IdleTimer | undefined;
  #waitsFor = ITS_TURN;
  #isOver = false;

  /** @throws {InvalidInputError} `timeoutInMs` is no number of milliseconds above 0 */
  constructor(
    { timeoutInMs = Number.POSITIVE_INFINITY, abortSignal }: TransferTimeoutOptions & { abortSignal?: AbortSignalLike },
    transfer: TransferDescription,
    howFar: HowFar,
  ) {
    assertTimeout(timeoutInMs);
    this.#timeoutInMs = timeoutInMs;
    this.#transfer = transfer;
    this.#howFar = howFar;
    const callers = toAbortSignal(abortSignal);
    if (timeoutInMs === Number.POSITIVE_INFINITY) {
      this.signal = callers;
      return;
    }
    const over = new AbortController();
    // AbortSignal.any holds what it joins weakly: nothing has to be removed from a caller's long-lived signal.
    this.signal = callers === undefined ? over.signal : AbortSignal.any([callers, over.signal]);
    // Never touched, so that it measures the whole.
    this.#timer = new IdleTimer(timeoutInMs, () => {
      // Whoever aborted first is why it ended.
      if (callers?.aborted === true) return;
      this.#isOver = true;
      over.abort();
    });
  }

  /** What a transfer that has not started waits for, for its error to say: its turn, unless something else is said. */
  waitsFor(what = ITS_TURN): void {
    this.#waitsFor = what;
  }

  /** The error to throw in place of `error`: an abort that came from here says what was late; all else stays as it is. */
  translate(error: unknown): unknown {
    if (!this.#isOver || (error as Error | undefined)?.name !== "AbortError") return error;
    const { operation, repository } = this.#transfer;
    const hint =
      this.#howFar.hasStarted || this.#waitsFor !== ITS_TURN
        ? "Give it a longer timeoutInMs, or none: a connection that falls silent is given up by itself."
        : "Give it a longer timeoutInMs, or start fewer transfers at a time.";
    const late = `${describeCall({ ...this.#transfer, metadataApi: false })} took longer than its timeout of ${
      this.#timeoutInMs
    } ms: ${describeProgress(this.#howFar, this.#waitsFor)}`;
    return new TransferTimeoutError(withHint(late, hint), {
      operation,
      repository,
      code: "TRANSFER_TIMEOUT",
      hint,
      cause: error,
    });
  }

  /** Lets go of the timer. Safe to call twice; the signal goes on following the caller's. */
  stop(): void {
    this.#timer?.stop();
  }
}

/**
 * Does `work` within the transfer's time. `work` must heed the signal it gets: it is waited for, so that nothing of it goes on
 * behind the caller's back.
 *
 * @throws {InvalidInputError} `timeoutInMs` is no number of milliseconds above 0
 * @throws {TransferTimeoutError} the time is over
 */
export async function withDeadline<T>(
  options: TransferTimeoutOptions & { abortSignal?: AbortSignalLike },
  transfer: TransferDescription,
  howFar: HowFar,
  work: (abortSignal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const deadline = new Deadline(options, transfer, howFar);
  try {
    return await work(deadline.signal);
  } catch (error) {
    throw deadline.translate(error);
  } finally {
    deadline.stop();
  }
}

function assertTimeout(timeoutInMs: unknown): void {
  if (typeof timeoutInMs === "number" && timeoutInMs > 0) return;
  throw new InvalidInputError("timeoutInMs", timeoutInMs, "expected a number of milliseconds above 0, or Infinity");
}

function describeProgress({ hasStarted, loadedBytes, totalBytes }: HowFar, waitsFor: string): string {
  if (!hasStarted) return `it was still waiting for ${waitsFor}`;
  return totalBytes === undefined
    ? `${loadedBytes} bytes had moved, of a content that does not say its size`
    : `${loadedBytes} of ${totalBytes} bytes had moved`;
}
