import { isRestError, RestError } from "@azure/core-rest-pipeline";
import type { CallDescription } from "../pipeline/call-context.ts";
import { withoutSecrets } from "../pipeline/redact.ts";
import { isTransientFailure } from "../pipeline/transient.ts";
import { describeCall, withHint } from "./describe.ts";
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
  const hint = hintFor(code);
  return new kind(`${describeCall(call)} failed: ${withHint(failure.message, hint)}`, {
    operation: call.operation,
    repository: call.repository,
    code: typeof code === "string" ? code : "REQUEST_SEND_ERROR",
    hint,
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

/** What helps, by the code that Node or this library gives; none where the message says it all. */
function hintFor(code: unknown): string | undefined {
  switch (code) {
    case "ENOTFOUND":
      return "Check the registry's name, and that this machine can resolve it.";
    case "ECONNREFUSED":
      return "Nothing listens there: check the endpoint and its port, and that the registry is running.";
    case "EPROTO":
      return "The other side does not speak TLS: check whether the endpoint should be http:// or has another port.";
    case "CERT_HAS_EXPIRED":
      return "The registry's certificate has expired: it has to be renewed there; check this machine's clock as well.";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return "The certificate is for another name: use the name it was made for as the endpoint.";
  }
  if (typeof code === "string" && /CERT|SELF_SIGNED|UNABLE_TO/.test(code)) {
    return "Trust the registry's certificate with tlsOptions.ca or NODE_EXTRA_CA_CERTS.";
  }
  return undefined;
}
