import type { PipelinePolicy, PipelineRequest, PipelineResponse } from "@azure/core-rest-pipeline";
import type { Pace } from "./pace.ts";
import { retryAfterInMs } from "./retry-after.ts";
import { TurnQueue } from "./turn-queue.ts";

/**
 * Notes when the registry says that it is too much (429, or 503 with `Retry-After`), and keeps the requests of blobs to the
 * pace that comes of it: none during the pause the registry asked for, and after it no more at a time than are allowed.
 * Transfers that are on their way already would otherwise all come back at the same moment.
 *
 * Only requests that end by themselves count as being on their way. A body that is streamed waits for the pause alone: its
 * content may itself be read from this registry, and must not wait for a request that waits for it.
 */
export function pacePolicy(pace: Pace, registry: URL): PipelinePolicy {
  let underWay = 0;
  const queue = new TurnQueue<boolean>(
    (counts) => {
      if (!counts) return true;
      if (pace.isThrottled && underWay >= pace.allowed) return false;
      underWay++;
      return true;
    },
    () => pace.pauseInMs,
  );
  // Of their own, or they would wait behind those that wait for a free place.
  const streamed = new TurnQueue<undefined>(
    () => true,
    () => pace.pauseInMs,
  );
  pace.onRaise(() => queue.review());

  return {
    name: "acrkitPacePolicy",
    async sendRequest(request, next) {
      const { origin, pathname } = new URL(request.url);
      // What the registry redirects to has a pace of its own.
      if (origin !== registry.origin) return next(request);
      const signal = request.abortSignal as AbortSignal | undefined;
      // The cancellation of an upload is a courtesy that has little time; calls about anything else are few, and wait for nothing.
      const waits = pathname.includes("/blobs/") && request.method !== "DELETE";
      const counts = waits && endsByItself(request);
      if (counts) await queue.wait(true, signal);
      else if (waits) await streamed.wait(undefined, signal);
      const { round } = pace;
      try {
        const response = await next(request);
        note(pace, round, response);
        return response;
      } finally {
        if (counts) {
          underWay--;
          queue.review();
        }
      }
    },
  };
}

/** Nothing to send, or all of it in memory. */
function endsByItself({ body }: PipelineRequest): boolean {
  return body === undefined || body === null || typeof body === "string" || body instanceof Uint8Array;
}

function note(pace: Pace, round: number, { status, headers }: PipelineResponse): void {
  const pause = retryAfterInMs(headers, Date.now());
  if (status === 429 || (status === 503 && pause !== undefined)) pace.throttled(round, pause);
  else if (status < 500) pace.succeeded(round);
}
