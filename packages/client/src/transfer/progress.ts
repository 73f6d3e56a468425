/** How far a transfer has come. */
export interface TransferProgress {
  /** Bytes so far; goes back when a transfer starts over. */
  readonly loadedBytes: number;
  /** Undefined when the content does not say. */
  readonly totalBytes: number | undefined;
}

export type OnProgress = (progress: TransferProgress) => void;
