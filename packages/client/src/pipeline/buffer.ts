import { collectBytes } from "@acrkit/oci";
import type { PipelinePolicy } from "@azure/core-rest-pipeline";
import { contextOf } from "./call-context.ts";
import { readBody, withBytes } from "./response-body.ts";

/** A small body may be slow, but not for ever: so many idle timeouts all in all. */
const TOTAL_IN_IDLE_TIMEOUTS = 5;

/**
 * Reads the body of a small answer (JSON, a manifest, a token) within the attempt, so that a connection which drops in the
 * middle of it is a failure like any other, and is tried again. Only blobs flow past it.
 */
export function bufferPolicy(): PipelinePolicy {
  return {
    name: "acrkitBufferPolicy",
    async sendRequest(request, next) {
      const response = await next(request);
      const { buffer, idleTimeoutInMs } = contextOf(request);
      if (buffer === undefined || response.status >= 300) return response;
      const totalTimeoutInMs = request.timeout > 0 ? request.timeout : idleTimeoutInMs * TOTAL_IN_IDLE_TIMEOUTS;
      const parts = readBody(response, { idleTimeoutInMs, totalTimeoutInMs });
      return withBytes(response, await collectBytes(parts, buffer.maxBytes, buffer.what));
    },
  };
}
