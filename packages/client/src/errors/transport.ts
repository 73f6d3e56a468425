import { isRestError, RestError } from "@azure/core-rest-pipeline";
import type { CallDescription } from "../pipeline/call-context.ts";
import { withoutSecrets } from "../pipeline/redact.ts";
import { isTransientFailure } from "../pipeline/transient.ts";
import { describeCall } from "./describe.ts";
import { RegistryError, TransportError, UnexpectedResponseError } from "./registry-error.ts";

/**
 * The error of a call whose request or answer broke on the way. Errors that are this library's already, aborts, and what
 * does not come from the transport (a credential's own error) are returned as they are.
 */
export function errorFromFailure(call: CallDescription, failure: unknown): unknown {
  if (failure instanceof RegistryError || !(failure instanceof Error) || failure.name === "AbortError") return failure;
  const code = (failure as { code?: unknown }).code;
  if (!isTransientFailure(failure) && !isRestError(failure) && !isConnectionCode(code)) return failure;
  const kind = typeof code === "string" && /REDIRECTS?$/.test(code) ? UnexpectedResponseError : TransportError;
  return new kind(`${describeCall(call)} failed: ${failure.message}`, {
    operation: call.operation,
    repository: call.repository,
    code: typeof code === "string" ? code : "REQUEST_SEND_ERROR",
    hint: hintFor(code),
    cause: presentable(failure),
  });
}

/** The transport's error holds the request as it was sent, its token and the store's signed URL among it. */
function presentable(failure: Error): Error {
  if (!isRestError(failure) || failure.request === undefined) return failure;
  const { message, code, statusCode, request, stack } = failure;
  const copy = new RestError(message, {
    ...(code === undefined ? {} : { code }),
    ...(statusCode === undefined ? {} : { statusCode }),
    request: withoutSecrets(request),
  });
  return Object.assign(copy, { stack });
}

/** Node's certificate and protocol errors: `DEPTH_ZERO_SELF_SIGNED_CERT`, `ERR_TLS_…`, `HPE_…`. */
function isConnectionCode(code: unknown): boolean {
  return (
    typeof code === "string" &&
    /^(?:ERR_TLS|ERR_SSL|HPE_|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO|ECONN|E[A-Z]+)/.test(code)
  );
}

function hintFor(code: unknown): string | undefined {
  if (code === "ENOTFOUND") return "Check the registry's name.";
  if (typeof code === "string" && /CERT|SELF_SIGNED|UNABLE_TO/.test(code)) {
    return "Trust the registry's certificate with tlsOptions.ca or NODE_EXTRA_CA_CERTS.";
  }
  return undefined;
}
