import { type ErrorCode, errorCodeEntry } from "@acrkit/oci";
import type { PipelineResponse } from "@azure/core-rest-pipeline";
import type { CallDescription } from "../pipeline/call-context.ts";
import { answerWithoutSecrets, withoutEcho, withoutSecrets } from "../pipeline/redact.ts";
import { explanationOf } from "../pipeline/refusal.ts";
import { retryAfterInMs } from "../pipeline/retry-after.ts";
import { describeCall, withHint } from "./describe.ts";
import {
  AccessDeniedError,
  ClientAuthenticationError,
  RegistryError,
  type RegistryErrorDetail,
  type RegistryErrorInfo,
  ResourceLockedError,
  ResourceNotFoundError,
  ThrottledError,
  UnsupportedOperationError,
} from "./registry-error.ts";

/** Makes the error of an answer that is none of the expected ones. `answer` is its text, cut at a bound. */
export function errorFromResponse(call: CallDescription, response: PipelineResponse, answer: string): RegistryError {
  const body = withoutEcho(answer, response.request);
  const errors = parseErrors(body);
  const first = errors[0];
  const kind = kindOf(call, response, errors);
  const hint = hintFor(kind, call, response, first?.code);
  const correlationId = response.headers.get("x-ms-correlation-request-id");
  const reason =
    first === undefined
      ? "the registry gave no reason"
      : errors.map(({ code, message }) => `${code}: ${message}`).join("; ");
  const info: RegistryErrorInfo = {
    operation: call.operation,
    repository: call.repository,
    code: first?.code ?? (kind === UnsupportedOperationError ? "UNSUPPORTED" : undefined),
    statusCode: response.status,
    errors,
    correlationId,
    hint,
    retryAfterInMs: retryAfterInMs(response.headers, Date.now()),
    request: withoutSecrets(response.request),
    response: answerWithoutSecrets(response, body),
  };
  return new kind(
    `${describeCall(call)} failed with status ${response.status}: ${withHint(reason, hint)}${
      correlationId === undefined ? "" : ` (correlation id ${correlationId})`
    }`,
    info,
  );
}

type Kind = new (message: string, info: RegistryErrorInfo) => RegistryError;

function kindOf(call: CallDescription, response: PipelineResponse, errors: readonly RegistryErrorDetail[]): Kind {
  const { status } = response;
  if (refusingStore(call, response) !== undefined) return AccessDeniedError;
  if (status === 401) return ClientAuthenticationError;
  if (status === 403) return AccessDeniedError;
  if (status === 405)
    return has(errors, "REGISTRY_DISALLOWED_OPERATION") ? ResourceLockedError : UnsupportedOperationError;
  if (status === 429) return ThrottledError;
  // ACR answers a path without a route in plain text; so does every other registry on /acr/v1.
  if (status === 404 && call.metadataApi && errors.length === 0) return UnsupportedOperationError;
  // An upload's session that is gone is nothing that somebody looked for.
  if (has(errors, "BLOB_UPLOAD_UNKNOWN") || has(errors, "BLOB_UPLOAD_INVALID")) return RegistryError;
  if (status === 404) return ResourceNotFoundError;
  return RegistryError;
}

function has(errors: readonly RegistryErrorDetail[], code: ErrorCode): boolean {
  return errors.some((error) => error.code === code);
}

function hintFor(
  kind: Kind,
  call: CallDescription,
  response: PipelineResponse,
  code: string | undefined,
): string | undefined {
  if (kind === UnsupportedOperationError && call.metadataApi) {
    return "Only Azure Container Registry offers this operation (/acr/v1); check that the endpoint is one.";
  }
  const store = refusingStore(call, response);
  if (store !== undefined) {
    return `The registry redirected to ${store}, which refuses the address that the registry has signed: check this machine's clock, and whether the firewall or the private endpoint of the registry's data endpoint lets this machine in.`;
  }
  if (response.status === 401 && call.refusalHint !== undefined) return call.refusalHint;
  if (response.status === 401) return authenticationHint(response);
  return code === undefined ? undefined : errorCodeEntry(code)?.hint;
}

/** The host that the registry redirected to, when that is the one which refuses: no credential is missing, then. */
function refusingStore(call: CallDescription, { status, headers, request }: PipelineResponse): string | undefined {
  const { host } = new URL(request.url);
  // A token service may have an origin of its own: it is asked directly, and refuses credentials.
  if (host === call.registry || call.refusalHint !== undefined) return undefined;
  const isRefusal = status === 401 || status === 403 || headers.get("x-ms-error-code") === "AuthenticationFailed";
  return isRefusal ? host : undefined;
}

function authenticationHint(response: PipelineResponse): string | undefined {
  const explanation = explanationOf(response);
  if (explanation !== undefined) return explanation;
  const challenge = response.headers.get("www-authenticate");
  if (challenge === undefined) {
    return "The registry did not say how to log in (no WWW-Authenticate header); check that the endpoint is a container registry.";
  }
  if (challenge.includes("insufficient_scope")) {
    return "The credential is valid, but has no permission for this: give it a role for this operation (AcrPull, AcrPush, AcrDelete, or a scope map).";
  }
  return errorCodeEntry("UNAUTHORIZED")?.hint;
}

/** Reads `{"errors":[{code,message,detail}]}`; anything else (HTML of a gateway, plain text, XML of a store) gives none. */
export function parseErrors(body: string): readonly RegistryErrorDetail[] {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return [];
  }
  const entries = (value as { errors?: unknown } | null)?.errors;
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown) => {
    const { code, message, detail } = (entry ?? {}) as Partial<RegistryErrorDetail>;
    if (typeof code !== "string") return [];
    const parsed = { code, message: typeof message === "string" ? message : "" };
    if (detail === undefined) return [parsed];
    return [Object.defineProperty(parsed, "detail", { value: detail, enumerable: canBeInspected(detail) })];
  });
}

/**
 * Azure Core parses every member `url` of an error when it is inspected, and throws for one that is none: whoever logs the
 * error would fail. Such a detail can be read, and is left out of what is shown.
 */
function canBeInspected(detail: unknown): boolean {
  if (typeof detail !== "object" || detail === null) return true;
  return Object.entries(detail).every(([name, value]) =>
    name === "url" && typeof value === "string" ? URL.canParse(value) : canBeInspected(value),
  );
}
