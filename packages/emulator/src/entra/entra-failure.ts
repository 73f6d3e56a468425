import { randomUUID } from "node:crypto";
import type { EmulatorRequest, EmulatorResponse } from "../protocol/message.ts";
import { entraAnswer } from "./entra-answer.ts";

interface ErrorKind {
  readonly status: number;
  /** OAuth's word for it. */
  readonly error: string;
}

/**
 * Errors by their number. The words and texts are the service's own where an answer was found quoted: 70011
 * (Microsoft's "authentication and authorization error codes"), 90002 (Azure/azure-cli#22145 for metadata,
 * microsoft/azure-tools-for-java#3900 for tokens), 700016, 700024 (Azure/azure-sdk-for-go#18176), 700211
 * (Azure/azure-workload-identity#1200), 700213 (Azure/login#482), 1002012, 7000215, 7000218
 * (Azure/azure-sdk-for-go#22386), 7000222. Assumed are the texts of 50027, 70003, 500011, 700027 and 700212.
 */
const ERRORS = {
  50027: { status: 401, error: "invalid_client" },
  70003: { status: 400, error: "unsupported_grant_type" },
  70011: { status: 400, error: "invalid_scope" },
  90002: { status: 400, error: "invalid_request" },
  500011: { status: 400, error: "invalid_resource" },
  700016: { status: 400, error: "unauthorized_client" },
  700024: { status: 401, error: "invalid_client" },
  700027: { status: 401, error: "invalid_client" },
  700211: { status: 401, error: "invalid_client" },
  700212: { status: 401, error: "invalid_client" },
  700213: { status: 401, error: "invalid_client" },
  900144: { status: 400, error: "invalid_request" },
  1002012: { status: 400, error: "invalid_scope" },
  7000215: { status: 401, error: "invalid_client" },
  7000218: { status: 401, error: "invalid_client" },
  7000222: { status: 401, error: "invalid_client" },
} as const satisfies Record<number, ErrorKind>;

/** A refusal: its number, and what it says. */
export class EntraFailure extends Error {
  override readonly name = "EntraFailure";
  readonly code: keyof typeof ERRORS;

  constructor(code: keyof typeof ERRORS, message: string) {
    super(message);
    this.code = code;
  }
}

/** The error in Entra's shape, which repeats the ids and the time in its description. */
export function entraFailureAnswer(
  request: EmulatorRequest,
  { code, message }: EntraFailure,
  now: number,
): EmulatorResponse {
  const { status, error } = ERRORS[code];
  // Metadata of a tenant that is none are refused in another word than its tokens.
  const word = code === 90002 && request.method === "GET" ? "invalid_tenant" : error;
  const traceId = randomUUID();
  const correlationId = correlationIdOf(request);
  const timestamp = `${new Date(now).toISOString().slice(0, 19).replace("T", " ")}Z`;
  return entraAnswer(
    status,
    {
      error: word,
      error_description: `AADSTS${code}: ${message} Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`,
      error_codes: [code],
      timestamp,
      trace_id: traceId,
      correlation_id: correlationId,
      error_uri: `https://login.microsoftonline.com/error?code=${code}`,
    },
    traceId,
  );
}

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The client's own id for the request, given back to it. */
function correlationIdOf({ headers }: EmulatorRequest): string {
  const given = headers["client-request-id"] ?? "";
  return GUID.test(given) ? given : randomUUID();
}
