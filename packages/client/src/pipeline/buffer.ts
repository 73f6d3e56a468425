import { collectBytes, isLimitError } from "@acrkit/oci";
import { type PipelinePolicy, RestError } from "@azure/core-rest-pipeline";
import { contextOf } from "./call-context.ts";
import { readBody, withBytes } from "./response-body.ts";
import { IDLE_TIMEOUT_CODE } from "./transient.ts";

/** A small body may be slow, but not for ever: so many idle timeouts all in all. */
const TOTAL_IN_IDLE_TIMEOUTS = 5;

/**
 * Reads the body of a small answer (JSON, a manifest, a token) within the attempt, so that a connection which drops in the
 * middle of it is a failure like any other, and is tried again. Only blobs flow past it.
 *
 * So is the text of a 404: whether something is gone, or was never to be had here, is for the text to say. All other errors
 * are told by their status.
 */
export function bufferPolicy(): PipelinePolicy {
  return {
    name: "acrkitBufferPolicy",
    async sendRequest(request, next) {
      const response = await next(request);
      const { buffer, idleTimeoutInMs } = contextOf(request);
      const isAbsence = response.status === 404;
      if (buffer === undefined || (response.status >= 300 && !isAbsence)) return response;
      const totalTimeoutInMs = request.timeout > 0 ? request.timeout : idleTimeoutInMs * TOTAL_IN_IDLE_TIMEOUTS;
      const parts = readBody(response, { idleTimeoutInMs, totalTimeoutInMs });
      try {
        return withBytes(response, await collectBytes(parts, buffer.maxBytes, buffer.what));
      } catch (error) {
        // Whoever sends a page of that size, or drips it, is no registry that says what is missing: the status is all there is.
        if (isAbsence && (isLimitError(error) || isIdleTimeout(error))) return withBytes(response, new Uint8Array());
        throw error;
      }
    },
  };
}

function isIdleTimeout(error: unknown): boolean {
  return error instanceof RestError && error.code === IDLE_TIMEOUT_CODE;
}
