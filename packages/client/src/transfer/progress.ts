/** What has just happened to a transfer. */
export type TransferEventKind =
  /** It has its turn; nothing has moved yet. */
  | "started"
  /** More bytes have moved. */
  | "progress"
  /** Something broke, and it goes on from `loadedBytes`: bytes beyond that have to move again, all of them perhaps. */
  | "retrying"
  /** Everything is there, and is what its digest says. Only now is it done. */
  | "verified"
  /** Done, because it was there already. */
  | "skipped"
  /** Done, because the registry had it in another repository. */
  | "mounted";

/** How far a transfer has come. */
export interface TransferProgress {
  readonly kind: TransferEventKind;
  /** Bytes so far; goes back with `retrying` alone. */
  readonly loadedBytes: number;
  /** Undefined when the content does not say. */
  readonly totalBytes: number | undefined;
}

export type OnProgress = (progress: TransferProgress) => void;

/**
 * A `progress` is told once at least so many bytes have moved since the last event: some thousand a second at the very most.
 * It depends on bytes alone, so that the same transfer tells the same at every run.
 */
const STEP_BYTES = 256 * 1024;

/**
 * Tells one transfer's progress, and never that everything is there before that is proven.
 *
 * What the caller's function throws ends the transfer, and is the caller's to see as it is: whoever catches an error on the
 * way looks at `callbackError` first.
 */
export class ProgressMeter {
  readonly #onProgress: OnProgress | undefined;
  #callbackError: { readonly error: unknown } | undefined;
  #hasStarted = false;
  #loadedBytes = 0;
  /** Of the last event. */
  #toldBytes = 0;
  /** Undefined until it is known. */
  totalBytes: number | undefined;

  constructor(onProgress: OnProgress | undefined, totalBytes: number | undefined) {
    this.#onProgress = onProgress;
    this.totalBytes = totalBytes;
  }

  /** What the caller's function has thrown. */
  get callbackError(): { readonly error: unknown } | undefined {
    return this.#callbackError;
  }

  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** Bytes so far, told or not. */
  get loadedBytes(): number {
    return this.#loadedBytes;
  }

  started(): void {
    this.#hasStarted = true;
    this.#tell("started", 0);
  }

  /** Cheap enough to be called for every piece. The last byte is not told: it counts once it is verified. */
  moved(loadedBytes: number): void {
    this.#loadedBytes = loadedBytes;
    if (loadedBytes - this.#toldBytes < STEP_BYTES || loadedBytes === this.totalBytes) return;
    this.#tell("progress", loadedBytes);
  }

  /** Where everything has arrived already and only the registry's word is missing, the last byte is kept back as well. */
  retrying(loadedBytes: number): void {
    this.#tell("retrying", loadedBytes === this.totalBytes ? Math.max(0, loadedBytes - 1) : loadedBytes);
  }

  /** The end, of whichever kind. */
  done(kind: "verified" | "skipped" | "mounted", sizeInBytes: number): void {
    this.totalBytes = sizeInBytes;
    this.#tell(kind, sizeInBytes);
  }

  #tell(kind: TransferEventKind, loadedBytes: number): void {
    this.#loadedBytes = loadedBytes;
    this.#toldBytes = loadedBytes;
    try {
      this.#onProgress?.({ kind, loadedBytes, totalBytes: this.totalBytes });
    } catch (error) {
      this.#callbackError = { error };
      throw error;
    }
  }
}
