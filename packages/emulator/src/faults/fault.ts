import type { OperationName } from "@acrkit/oci";
import type { Origin } from "../protocol/message.ts";

/** A whole number, or a range of them, both ends included, from which one is drawn by the seed for each request. */
export type Amount = number | { readonly from: number; readonly to: number };

/** What goes wrong. Each kind does what the service, or the network before it, does when this happens for real. */
export type Fault =
  | Delay
  | SlowRequest
  | SlowResponse
  | CutRequest
  | CutResponse
  | LoseResponse
  | ErrorAnswer
  | ExpireToken
  | ExpireUrl
  | CorruptRequest
  | CorruptResponse
  | TruncateResponse
  | SkewClock;

/** The name of what goes wrong. */
export type FaultKind = Fault["kind"];

/** The registry is silent for a while. */
export interface Delay {
  readonly kind: "delay";
  /** Milliseconds, 0 to 2,147,483,647 (24 days: it never answers). */
  readonly ms: Amount;
  /** Whether the registry acts after the pause, or before it. @default "before" */
  readonly when?: "before" | "after";
}

/** The request's body arrives no faster than this. Applies to requests that have a body. */
export interface SlowRequest {
  readonly kind: "slow-request";
  /** At least 1. */
  readonly bytesPerSecond: Amount;
}

/** The answer's body leaves no faster than this. */
export interface SlowResponse {
  readonly kind: "slow-response";
  /** At least 1. */
  readonly bytesPerSecond: Amount;
}

/**
 * The connection breaks while the request is sent: the registry gets `after` bytes of the body and keeps what it does with
 * such a beginning. With 0 it breaks before the registry sees the request.
 *
 * Nothing happens when the body has no more bytes than that, or the registry answers without having read so far.
 */
export interface CutRequest {
  readonly kind: "cut-request";
  /** Bytes of the body; above 0, only requests that have a body count. @default 0 */
  readonly after?: Amount;
}

/**
 * The connection breaks while the answer is sent: status, headers and `after` bytes of the body get through. Nothing
 * happens when the body has no more bytes than that; an answer without a body is lost by `lose-response`.
 */
export interface CutResponse {
  readonly kind: "cut-response";
  /** Bytes of the body. @default 0 */
  readonly after?: Amount;
}

/** The registry has done everything, but the connection breaks before a byte of the answer gets through. */
export interface LoseResponse {
  readonly kind: "lose-response";
}

/**
 * The service fails: 429, 500 and 503 in the form the origin has for them, 502 and 504 as the page of a gateway that knows
 * nothing of registries.
 */
export interface ErrorAnswer {
  readonly kind: "error";
  readonly status: 429 | 500 | 502 | 503 | 504;
  /** Seconds. @default no `Retry-After` */
  readonly retryAfter?: Amount;
  /** How `Retry-After` says it: as a number of seconds, or as the date by the registry's clock. @default "seconds" */
  readonly retryAfterAs?: "seconds" | "date";
  /** Whether it answers so instead of acting, or after the act is done. @default "before" */
  readonly when?: "before" | "after";
}

/**
 * The request's token is no longer good. Applies to requests with a bearer token, and to those for a new token that hand
 * over an older one; a user name and password do not expire.
 */
export interface ExpireToken {
  readonly kind: "expire-token";
}

/** The signed URL of a download is no longer good. Applies to requests to the storage origin. */
export interface ExpireUrl {
  readonly kind: "expire-url";
}

/** One bit of the request's body is flipped on the way. Applies to requests that have a body. */
export interface CorruptRequest {
  readonly kind: "corrupt-request";
  /** Which byte, from 0; nothing happens behind the body's end. @default drawn from the whole body, where its length is known, else 0 */
  readonly at?: Amount;
}

/** One bit of the answer's body is flipped on the way. */
export interface CorruptResponse {
  readonly kind: "corrupt-response";
  /** Which byte, from 0; nothing happens behind the body's end. @default drawn from the whole body, where its length is known, else 0 */
  readonly at?: Amount;
}

/**
 * The answer's body ends early, in order. An announced length is not reached, and the connection closed; a body in chunks
 * gets its last chunk, so that nothing but the content tells. Nothing happens when the body has no more bytes than that.
 */
export interface TruncateResponse {
  readonly kind: "truncate-response";
  /** Bytes of the body. @default 0 */
  readonly after?: Amount;
  /** Whether `Content-Length` still promises everything, or what comes. @default "kept" */
  readonly contentLength?: "kept" | "adjusted";
}

/**
 * The registry's clock is wrong: its `Date`, the times in the tokens and URLs it issues, and whether it takes those of a
 * request as expired.
 */
export interface SkewClock {
  readonly kind: "skew-clock";
  /** Milliseconds it is ahead; negative when it is behind. */
  readonly ms: Amount;
}

/** Which requests: those that have every given property. A list means any of it. */
export interface FaultMatcher {
  /** By the name in the table of operations. The storage origin and the token endpoints have none: see `origin`, `path`. */
  readonly operation?: OperationName | readonly OperationName[];
  readonly origin?: Origin | readonly Origin[];
  /** `GET`, in any case. */
  readonly method?: string | readonly string[];
  /** Operations in this repository: `team/app`, or a pattern as for `path`. The storage origin knows no repositories. */
  readonly repository?: string;
  /** The whole path without escapes: `/oauth2/*`. `*` is anything but a slash, `**` anything. */
  readonly path?: string;
}

/**
 * Which requests meet which fault. Of the requests that match, and to which the fault can be done at all, the first `skip`
 * pass; of those behind, each is hit with `probability`, until `times` have been.
 */
export interface FaultRule extends FaultMatcher {
  readonly fault: Fault;
  /** @default 0 */
  readonly skip?: number;
  /** @default every one */
  readonly times?: number;
  /** 0 to 1, drawn by the seed. @default 1 */
  readonly probability?: number;
}

/** Faults as a file has them, in JSON. */
export interface FaultScript {
  /** What every draw follows from. @default that of the `Faults` */
  readonly seed?: number;
  readonly faults: readonly FaultRule[];
}

/** A fault with its ranges replaced by what was drawn. */
export type DrawnFault<F extends Fault = Fault> = F extends Fault
  ? { readonly [M in keyof F]: Amount extends NonNullable<F[M]> ? number | Extract<F[M], undefined> : F[M] }
  : never;
