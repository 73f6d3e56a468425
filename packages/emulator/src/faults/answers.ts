import { randomUUID } from "node:crypto";
import { ERROR_CODES, type ErrorCode } from "@acrkit/oci";
import { bytesAnswer, textAnswer } from "../protocol/answers.ts";
import { withRegistryHeaders, withTokenHeaders } from "../protocol/common-headers.ts";
import { errorBody, failure, failureAnswer } from "../protocol/failure.ts";
import type { EmulatorRequest, EmulatorResponse, HeaderLine } from "../protocol/message.ts";
import { proxyPage } from "../protocol/proxy-page.ts";
import { storageFailure } from "../protocol/storage-origin.ts";
import type { DrawnFault, ErrorAnswer } from "./fault.ts";
import { FAULT_HEADER } from "./header.ts";

type ServiceStatus = 429 | 500 | 503;

const REGISTRY_CODES: Readonly<Record<ServiceStatus, ErrorCode>> = {
  429: "TOOMANYREQUESTS",
  500: "UNKNOWN",
  503: "UNAVAILABLE",
};

/** Code and message of Azure's blob service, "Status and error codes"; for 429 the resource manager's. */
const STORAGE_CODES: Readonly<Record<ServiceStatus, readonly [code: string, message: string]>> = {
  429: ["TooManyRequests", "Too many requests. Please retry after some time."],
  500: ["InternalError", "Server encountered an internal error. Please try again after some time."],
  503: ["ServerBusy", "The server is busy."],
};

/** Numbers and texts from Microsoft's list of Entra ID's (AADSTS) error codes. */
const ENTRA_CODES: Readonly<Record<ServiceStatus, readonly [number: number, text: string]>> = {
  429: [90055, "There are too many incoming requests."],
  500: [90033, "A transient error has occurred. Please try again."],
  503: [90033, "A transient error has occurred. Please try again."],
};

const GATEWAY_REASONS = { 502: "Bad Gateway", 504: "Gateway Time-out" } as const;

/** How the request's origin fails with a status. `now` is the registry's clock, in milliseconds. */
export function errorAnswer(request: EmulatorRequest, fault: DrawnFault<ErrorAnswer>, now: number): EmulatorResponse {
  const { status } = fault;
  const headers = retryAfter(fault, now);
  if (status === 502 || status === 504) return gatewayAnswer(status, headers);
  if (request.origin === "storage") return storageAnswer(status, headers);
  if (request.origin === "entra") return entraAnswer(status, headers);
  const code = REGISTRY_CODES[status];
  if (request.path.startsWith("/oauth2/")) return tokenAnswer(status, code, headers);
  return withRegistryHeaders(failureAnswer(failure(code, { status, headers })));
}

/** What a client hears whose header cannot be read: silently ignored, the test would be about nothing. */
export function badHeaderAnswer(problem: string): EmulatorResponse {
  return withRegistryHeaders(
    failureAnswer(failure("UNSUPPORTED", { status: 400, message: problem, detail: { header: FAULT_HEADER } })),
  );
}

function retryAfter({ retryAfter: seconds, retryAfterAs }: DrawnFault<ErrorAnswer>, now: number): HeaderLine[] {
  if (seconds === undefined) return [];
  return [["Retry-After", retryAfterAs === "date" ? new Date(now + seconds * 1000).toUTCString() : String(seconds)]];
}

/**
 * The page of the proxy in front, in the words of nginx, whose relative `openresty` is. That a gateway's 504 is HTML is
 * logged (1.3); that it carries none of the registry's headers is assumed.
 */
function gatewayAnswer(status: 502 | 504, headers: readonly HeaderLine[]): EmulatorResponse {
  return proxyPage(status, `${status} ${GATEWAY_REASONS[status]}`, {
    headers: [["Server", "openresty"], ["Connection", "keep-alive"], ...headers],
  });
}

/** 1.3: the token service's errors have no charset and no final newline. */
function tokenAnswer(status: number, code: ErrorCode, headers: readonly HeaderLine[]): EmulatorResponse {
  const body = Buffer.from(JSON.stringify(errorBody([{ code, message: ERROR_CODES[code].message }])));
  return withTokenHeaders(bytesAnswer(status, "application/json", body, headers));
}

function storageAnswer(status: ServiceStatus, headers: readonly HeaderLine[]): EmulatorResponse {
  const [code, message] = STORAGE_CODES[status];
  return storageFailure(status, code, message, headers);
}

function entraAnswer(status: ServiceStatus, headers: readonly HeaderLine[]): EmulatorResponse {
  const [number, text] = ENTRA_CODES[status];
  const body = {
    error: "temporarily_unavailable",
    error_description: `AADSTS${number}: ${text}`,
    error_codes: [number],
    correlation_id: randomUUID(),
  };
  return textAnswer(status, "application/json; charset=utf-8", JSON.stringify(body), headers);
}
