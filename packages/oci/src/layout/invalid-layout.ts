/** A folder is not the OCI image layout it is said to be. `file` is the one at fault, relative to the layout. */
export class InvalidLayoutError extends Error {
  override readonly name = "InvalidLayoutError";
  readonly code = "INVALID_LAYOUT";
  readonly file: string;
  readonly reason: string;

  constructor(file: string, reason: string, options?: ErrorOptions) {
    super(`not a valid OCI image layout: ${file}: ${reason}`, options);
    this.file = file;
    this.reason = reason;
  }
}

/** Compares `code`, so that it holds across two installed copies of this package. */
export function isInvalidLayoutError(error: unknown): error is InvalidLayoutError {
  return error instanceof Error && (error as Partial<InvalidLayoutError>).code === "INVALID_LAYOUT";
}
