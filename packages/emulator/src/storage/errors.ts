/** Why a data folder cannot be used. */
export type DataFolderProblem = "DATA_FOLDER_IN_USE" | "DATA_FOLDER_TOO_NEW" | "DATA_FOLDER_UNUSABLE";

/**
 * A data folder cannot be used: `code` tells whether another emulator has it, a newer one wrote it, or it is no folder
 * that can be written. The message says what to do.
 */
export class DataFolderError extends Error {
  override readonly name = "DataFolderError";
  readonly code: DataFolderProblem;
  readonly folder: string;

  constructor(code: DataFolderProblem, folder: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.folder = folder;
  }
}

/** The registry holds as much as it may. What was to be added has not been. */
export class QuotaExceededError extends Error {
  override readonly name = "QuotaExceededError";
  readonly code = "QUOTA_EXCEEDED";
  readonly quotaBytes: number;

  constructor(quotaBytes: number) {
    super(`the registry's quota of ${quotaBytes} bytes does not suffice`);
    this.quotaBytes = quotaBytes;
  }
}

/** The disk is full. What was to be written is not there, and what was there before still is. */
export class DiskFullError extends Error {
  override readonly name = "DiskFullError";
  readonly code = "DISK_FULL";
  readonly folder: string;

  constructor(folder: string, options?: ErrorOptions) {
    super(
      `the disk is full: nothing more can be written to ${folder}; make room there, and requests succeed again`,
      options,
    );
    this.folder = folder;
  }
}

/** Turns the file system's word for a full disk into a `DiskFullError` about `folder`; anything else stays as it is. */
export function asDiskFull(error: unknown, folder: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  // A disk quota of the user's is a full disk to us.
  return code === "ENOSPC" || code === "EDQUOT" ? new DiskFullError(folder, { cause: error }) : error;
}
