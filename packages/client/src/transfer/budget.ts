import { throwIfAborted } from "../pipeline/abort-signal.ts";
import type { Pace } from "../pipeline/pace.ts";
import { TurnQueue } from "../pipeline/turn-queue.ts";
import { OpenDownloads } from "./open-downloads.ts";

/** What a transfer asks for before it begins. */
export interface TransferNeed {
  readonly direction: "upload" | "download";
  /** Bytes it may hold in memory at a time, at the most. */
  readonly heldBytes: number;
  readonly abortSignal: AbortSignal | undefined;
}

/** How much may be under way at a time. */
export interface TransferLimits {
  readonly maxUploads: number;
  readonly maxDownloads: number;
  readonly maxHeldBytes: number;
}

/** Transfers of one direction. */
interface Lane {
  readonly limit: number;
  running: number;
  readonly queue: TurnQueue<number>;
}

/**
 * How much a client moves at a time: so many transfers each way, so many bytes in memory, and less of both while the registry
 * says that it is too much.
 *
 * A transfer gets all it needs at once or waits with nothing, so that no two wait for each other. One each way is let through
 * whatever it needs: one that is larger than everything would otherwise never begin, and an upload whose content is itself a
 * download would wait for what it holds.
 */
export class TransferBudget {
  /** Those that were started, whoever reads them. */
  readonly openDownloads: OpenDownloads;
  readonly #maxHeldBytes: number;
  readonly #pace: Pace;
  readonly #lanes: Readonly<Record<TransferNeed["direction"], Lane>>;
  #heldBytes = 0;

  constructor({ maxUploads, maxDownloads, maxHeldBytes }: TransferLimits, pace: Pace) {
    this.openDownloads = new OpenDownloads(maxDownloads, pace);
    this.#maxHeldBytes = maxHeldBytes;
    this.#pace = pace;
    this.#lanes = { upload: this.#createLane(maxUploads), download: this.#createLane(maxDownloads) };
    pace.onRaise(() => this.#review());
  }

  /** Waits for its turn, does the work, and gives back what it took, however that ends. */
  async run<T>({ direction, heldBytes, abortSignal }: TransferNeed, work: () => Promise<T>): Promise<T> {
    const lane = this.#lanes[direction];
    await lane.queue.wait(heldBytes, abortSignal);
    try {
      throwIfAborted(abortSignal);
      return await work();
    } finally {
      lane.running--;
      this.#heldBytes -= heldBytes;
      this.#review();
    }
  }

  /**
   * How many requests of one download may be on their way at a time, of those it would like to have: its share of what all
   * downloads that are running may have together.
   */
  parallel(wanted: number): number {
    const { running } = this.#lanes.download;
    // Alone, and with nothing against it, it has what the caller asked for.
    if (running <= 1 && !this.#pace.isThrottled) return wanted;
    return Math.max(1, Math.min(wanted, Math.floor(this.#pace.allowed / Math.max(1, running))));
  }

  #createLane(limit: number): Lane {
    const lane: Lane = {
      limit,
      running: 0,
      queue: new TurnQueue<number>(
        (heldBytes) => this.#tryTake(lane, heldBytes),
        () => this.#pace.pauseInMs,
      ),
    };
    return lane;
  }

  #tryTake(lane: Lane, heldBytes: number): boolean {
    if (lane.running >= Math.min(lane.limit, this.#pace.allowed)) return false;
    if (lane.running > 0 && this.#heldBytes + heldBytes > this.#maxHeldBytes) return false;
    lane.running++;
    this.#heldBytes += heldBytes;
    return true;
  }

  /** Memory is shared by both ways, so that what one gives back may let in the other. */
  #review(): void {
    for (const lane of Object.values(this.#lanes)) lane.queue.review();
  }
}
