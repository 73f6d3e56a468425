import { InvalidInputError } from "@acrkit/oci";
import { ContentReadError, type RegistryError } from "../../errors/registry-error.ts";
import { UnsupportedError } from "../../runtime/unsupported.ts";

/** The client's method, which errors name. */
export const METHOD = "uploadBlob";

/** The error of a content that could not be read; what is no content at all says so itself. */
export function readError(cause: unknown, repository: string, bytesRead: number): Error {
  if (cause instanceof InvalidInputError || cause instanceof UnsupportedError) return cause;
  return new ContentReadError(
    `${METHOD} of ${repository} failed: the content could not be read after ${bytesRead} bytes: ${reasonOf(
      cause,
    )}. Nothing was committed.`,
    { operation: METHOD, repository, code: "CONTENT_READ_FAILED", cause },
  );
}

/** A caller's stream may throw anything. */
function reasonOf(cause: unknown): string {
  if (cause instanceof Error) return cause.message;
  try {
    return String(cause);
  } catch {
    return `it threw an ${typeof cause}`;
  }
}

/** The same error, its message going on with `reason`. */
export function withReason(error: RegistryError, reason: string): RegistryError {
  const kind = error.constructor as new (...parameters: ConstructorParameters<typeof RegistryError>) => RegistryError;
  const { operation, repository, code, statusCode, errors, correlationId, hint, retryAfterInMs } = error;
  const { request, response } = error;
  return new kind(`${error.message} ${reason}`, {
    operation,
    repository,
    code,
    statusCode,
    errors,
    correlationId,
    hint,
    retryAfterInMs,
    request,
    response,
    cause: error,
  });
}
