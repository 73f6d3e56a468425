/** This runtime cannot do what was asked: go another way. */
export class UnsupportedError extends Error {
  override readonly name = "UnsupportedError";
  readonly code = "UNSUPPORTED_HERE";
}
