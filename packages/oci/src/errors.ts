/** Base of the errors that concern content and input rather than a service's answer; told apart by `code`. */
abstract class OciError extends Error {
  abstract readonly code: string;
}

/**
 * A value that the caller handed over cannot be used: fix the call.
 *
 * `what` names the value ("digest", "repository name"), `input` is a shortened copy of it.
 */
export class InvalidInputError extends OciError {
  override readonly name = "InvalidInputError";
  readonly code = "INVALID_INPUT";
  readonly what: string;
  readonly input: string;

  constructor(what: string, input: unknown, problem: string) {
    const shown = shorten(input);
    super(`${what} ${shown} is not valid: ${problem}`);
    this.what = what;
    this.input = shown;
  }
}

/**
 * Bytes differ from the digest or the size they were promised to have: fetch them again, or raise an alarm.
 *
 * Nothing that was read before this error may be trusted.
 */
export class DigestMismatchError extends OciError {
  override readonly name = "DigestMismatchError";
  readonly code = "DIGEST_MISMATCH";
  /** The digest that was asked for. */
  readonly expected: string;
  /** The digest of what came, or undefined when the size alone already gave it away. */
  readonly actual: string | undefined;
  readonly bytesRead: number;

  constructor(message: string, details: { expected: string; actual?: string | undefined; bytesRead: number }) {
    super(message);
    this.expected = details.expected;
    this.actual = details.actual;
    this.bytesRead = details.bytesRead;
  }
}

/** More came than the caller, or the protocol, allows; reading stopped at the limit. */
export class LimitError extends OciError {
  override readonly name = "LimitError";
  readonly code = "LIMIT_EXCEEDED";
  /** The limit, in the unit the message names. */
  readonly limit: number;
  /** What was seen when reading stopped; the whole may be larger. */
  readonly seen: number;

  constructor(message: string, details: { limit: number; seen: number }) {
    super(message);
    this.limit = details.limit;
    this.seen = details.seen;
  }
}

/** The bytes are not the manifest they are said to be. `reason` names the member at fault. */
export class InvalidManifestError extends OciError {
  override readonly name = "InvalidManifestError";
  readonly code = "INVALID_MANIFEST";
  readonly reason: string;
  readonly mediaType: string | undefined;

  constructor(reason: string, mediaType?: string) {
    super(`manifest${mediaType === undefined ? "" : ` of type ${cut(mediaType)}`} is not valid: ${reason}`);
    this.reason = reason;
    this.mediaType = mediaType;
  }
}

type Guard<T> = (error: unknown) => error is T;

/** Guards compare `code`, so that they hold across two installed copies of this package. */
function guard<T extends OciError>(code: T["code"]): Guard<T> {
  return (error): error is T => error instanceof Error && (error as Partial<OciError>).code === code;
}

export const isInvalidInputError: Guard<InvalidInputError> = guard("INVALID_INPUT");
export const isDigestMismatchError: Guard<DigestMismatchError> = guard("DIGEST_MISMATCH");
export const isLimitError: Guard<LimitError> = guard("LIMIT_EXCEEDED");
export const isInvalidManifestError: Guard<InvalidManifestError> = guard("INVALID_MANIFEST");

/** Long enough to recognise the value, short enough for a log line. */
const SHOWN_CHARACTERS = 120;

/** A value as a message shows it: a text in quotes, anything else by its type or digits, cut when long. */
export function shorten(input: unknown): string {
  if (typeof input !== "string") return typeof input === "object" ? objectTag(input) : cut(String(input));
  // Cut before it is quoted: the text may be megabytes.
  return cut(JSON.stringify(input.slice(0, SHOWN_CHARACTERS + 1)));
}

function cut(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}

/** `[object Array]`; unlike `String(value)` this never calls into the value, which may have no or a throwing `toString`. */
function objectTag(value: object | null): string {
  return value === null ? "null" : Object.prototype.toString.call(value);
}
