import { throwIfAborted } from "../pipeline/abort-signal.ts";

/** What a transfer asks for before it begins. */
export interface TransferNeed {
  readonly direction: "upload" | "download";
  /** Bytes it may hold in memory at a time, at the most. */
  readonly heldBytes: number;
  readonly abortSignal: AbortSignal | undefined;
}

/** How much a client moves at a time: so many transfers each way, so many bytes in memory. */
export class TransferBudget {
  /** Waits for its turn, does the work, and gives back what it took, however that ends. */
  async run<T>({ abortSignal }: TransferNeed, work: () => Promise<T>): Promise<T> {
    throwIfAborted(abortSignal);
    return await work();
  }

  /** How many requests of one transfer may be on their way at a time, of those it would like to have. */
  parallel(wanted: number): number {
    return wanted;
  }
}
