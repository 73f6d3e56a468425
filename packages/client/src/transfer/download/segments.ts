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
  readonly #states: SegmentState[];
  readonly #waiting = new Map<number, (() => void)[]>();
  /** No segment before this one is free. */
  #firstFree = 0;
  #done = 0;

  constructor(sizeInBytes: number, segmentBytes: number) {
    this.#sizeInBytes = sizeInBytes;
    this.#segmentBytes = segmentBytes;
    this.count = Math.ceil(sizeInBytes / segmentBytes);
    this.#states = Array(this.count).fill("free");
  }

  get areAllDone(): boolean {
    return this.#done === this.count;
  }

  rangeOf(index: number): ByteRange {
    const from = index * this.#segmentBytes;
    return { from, end: Math.min(from + this.#segmentBytes, this.#sizeInBytes) };
  }

  stateOf(index: number): SegmentState {
    return this.#states[index] ?? "done";
  }

  take(index: number): void {
    this.#states[index] = "taken";
  }

  /** The first that nobody has; undefined when there is none. */
  takeFirst(): number | undefined {
    while (this.#firstFree < this.count && this.#states[this.#firstFree] !== "free") this.#firstFree++;
    if (this.#firstFree === this.count) return undefined;
    this.take(this.#firstFree);
    return this.#firstFree;
  }

  /** Gives one back of which nothing has come. */
  release(index: number): void {
    this.#states[index] = "free";
    this.#firstFree = Math.min(this.#firstFree, index);
    this.#tell(index);
  }

  finish(index: number): void {
    this.#states[index] = "done";
    this.#done++;
    this.#tell(index);
  }

  /** Waits until one that is taken is done or given back. */
  settled(index: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.set(index, [...(this.#waiting.get(index) ?? []), resolve]);
    });
  }

  #tell(index: number): void {
    for (const resolve of this.#waiting.get(index) ?? []) resolve();
    this.#waiting.delete(index);
  }
}
