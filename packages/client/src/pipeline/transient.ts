import { RestError } from "@azure/core-rest-pipeline";

/** The registry stayed silent for longer than the idle timeout. */
export const IDLE_TIMEOUT_CODE = "IDLE_TIMEOUT";

/** Failures of the way to the registry, after which another try makes sense. A refused certificate is not one. */
const TRANSIENT_CODES = new Set([
  RestError.REQUEST_SEND_ERROR,
  IDLE_TIMEOUT_CODE,
  "EAI_AGAIN",
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETUNREACH",
  "ENOTFOUND",
  "EPIPE",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ESOCKETTIMEDOUT",
  "ETIMEDOUT",
  "HPE_INVALID_EOF_STATE",
]);

/** True for a connection that failed or was cut, as opposed to an answer. */
export function isTransientFailure(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && TRANSIENT_CODES.has(code);
}
