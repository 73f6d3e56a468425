import { type PipelineRequest, type PipelineResponse, RestError } from "@azure/core-rest-pipeline";

/** One entry of a registry's error answer. */
export interface RegistryErrorDetail {
  readonly code: string;
  readonly message: string;
  /** Whatever the registry adds; its form depends on the code. */
  readonly detail?: unknown;
}

/** What every failure of this library carries. */
export interface RegistryErrorInfo {
  /** The client's method that failed: `deleteTag`. */
  readonly operation: string;
  readonly repository?: string | undefined;
  /** The registry's own code (`TAG_UNKNOWN`), the system's (`ECONNRESET`), or one of this library's. */
  readonly code?: string | undefined;
  readonly statusCode?: number | undefined;
  readonly errors?: readonly RegistryErrorDetail[];
  /** What to quote to support. */
  readonly correlationId?: string | undefined;
  /** What the caller can do, a sentence. */
  readonly hint?: string | undefined;
  /** How long the registry asked to be left alone. */
  readonly retryAfterInMs?: number | undefined;
  readonly request?: PipelineRequest | undefined;
  readonly response?: PipelineResponse | undefined;
  readonly cause?: unknown;
}

/**
 * A call that the registry, or the way to it, failed. Every kind below is one; all satisfy `isRestError`.
 *
 * The message says what was being done, to what, what went wrong and what to do. It never holds a credential or a token,
 * and `request` carries no `Authorization` header.
 */
export class RegistryError extends RestError {
  readonly operation: string;
  readonly repository: string | undefined;
  readonly errors: readonly RegistryErrorDetail[];
  readonly correlationId: string | undefined;
  readonly hint: string | undefined;
  readonly retryAfterInMs: number | undefined;
  override readonly cause: unknown;

  constructor(message: string, info: RegistryErrorInfo) {
    super(message, {
      ...(info.code === undefined ? {} : { code: info.code }),
      ...(info.statusCode === undefined ? {} : { statusCode: info.statusCode }),
      ...(info.request === undefined ? {} : { request: info.request }),
      ...(info.response === undefined ? {} : { response: info.response }),
    });
    // RestError sets the prototype to its own, so that a subclass has to set it back.
    Object.setPrototypeOf(this, new.target.prototype);
    this.name = new.target.name;
    this.operation = info.operation;
    this.repository = info.repository;
    this.errors = info.errors ?? [];
    this.correlationId = info.correlationId;
    this.hint = info.hint;
    this.retryAfterInMs = info.retryAfterInMs;
    if (info.cause !== undefined) this.cause = info.cause;
  }
}

/** 404: there is no such repository, tag, manifest or blob. */
export class ResourceNotFoundError extends RegistryError {}

/** 401, or no way to log in: the credential is missing, wrong, or has no permission for this (ACR never answers 403 for that). */
export class ClientAuthenticationError extends RegistryError {}

/** 403: the registry refuses access, for instance by its firewall. */
export class AccessDeniedError extends RegistryError {}

/** 405 `REGISTRY_DISALLOWED_OPERATION`: a lock forbids it, or the storage limit is reached. */
export class ResourceLockedError extends RegistryError {}

/** 429, after every retry: send less, or wait for `retryAfterInMs`. */
export class ThrottledError extends RegistryError {}

/** The registry does not offer this: ACR's metadata API on another registry, or a manifest deleted by tag. */
export class UnsupportedOperationError extends RegistryError {}

/** The answer is not what the protocol has: not JSON, a member missing, a link or location that leads elsewhere. */
export class UnexpectedResponseError extends RegistryError {}

/** No answer, after every retry: the connection failed, was cut, or stayed silent for too long. `code` is the system's. */
export class TransportError extends RegistryError {}

/** The content handed to an upload failed while it was read; `cause` is its own error. Nothing was committed. */
export class ContentReadError extends RegistryError {}

/** What was downloaded could not be written: a full disk, a folder that is not there; `cause` is the system's own error. */
export class ContentWriteError extends RegistryError {}

/** A transfer took longer than the `timeoutInMs` it was given. */
export class TransferTimeoutError extends RegistryError {}

/** True for every error of a call to the registry; holds across two installed copies of this package. */
export function isRegistryError(error: unknown): error is RegistryError {
  if (error instanceof RegistryError) return true;
  return error instanceof Error && "operation" in error && "errors" in error && "correlationId" in error;
}
