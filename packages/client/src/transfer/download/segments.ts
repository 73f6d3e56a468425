/** From `from` up to, but not including, `end`. */
export interface ByteRange {
  readonly from: number;
  readonly end: number;
}

export type SegmentState = "free" | "taken" | "done";

/** A blob cut into pieces of one size, of which each is fetched by one request at a time, handed out from the front. */
export class Segments {
  readonly count: number;
  readonly #sizeInBytes: number;
  readonly #segmentBytes: number;
  /** Those that are not free. A map, since a server may claim any size, before it has sent anything. */
  readonly #states = new Map<number, SegmentState>();
  readonly #waiting = new Map<number, (() => void)[]>();
  /** No segment before this one is free. */
  #firstFree = 0;
  #done = 0;

  constructor(sizeInBytes: number, segmentBytes: number) {
    this.#sizeInBytes = sizeInBytes;
    this.#segmentBytes = segmentBytes;
    this.count = Math.ceil(sizeInBytes / segmentBytes);
  }

  get areAllDone(): boolean {
    return this.#done === this.count;
  }

  rangeOf(index: number): ByteRange {
    const from = index * this.#segmentBytes;
    return { from, end: Math.min(from + this.#segmentBytes, this.#sizeInBytes) };
  }

  stateOf(index: number): SegmentState {
    return this.#states.get(index) ?? "free";
  }

  take(index: number): void {
    this.#states.set(index, "taken");
  }

  /** The first that nobody has; undefined when there is none. */
  takeFirst(): number | undefined {
    while (this.#firstFree < this.count && this.stateOf(this.#firstFree) !== "free") this.#firstFree++;
    if (this.#firstFree === this.count) return undefined;
    this.take(this.#firstFree);
    return this.#firstFree;
  }

  /** Gives one back of which nothing has come. */
  release(index: number): void {
    this.#states.delete(index);
    this.#firstFree = Math.min(this.#firstFree, index);
    this.#tell(index);
  }

  finish(index: number): void {
    this.#states.set(index, "done");
    this.#done++;
    this.#tell(index);
  }

  /** Waits until one that is taken is done or given back, or all are given up. */
  settled(index: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.set(index, [...(this.#waiting.get(index) ?? []), resolve]);
    });
  }

  /** Tells all who wait: nothing more will be done, or given back. */
  giveUp(): void {
    for (const index of [...this.#waiting.keys()]) this.#tell(index);
  }

  #tell(index: number): void {
    for (const resolve of this.#waiting.get(index) ?? []) resolve();
    this.#waiting.delete(index);
  }
}
