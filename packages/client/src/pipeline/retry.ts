import type { PipelinePolicy, PipelineResponse, PipelineRetryOptions } from "@azure/core-rest-pipeline";
import { delay } from "@azure/core-util";
import { logger } from "../logger.ts";
import { throwIfAborted } from "./abort-signal.ts";
import { createBackOff, LONGEST_PAUSE_IN_MS } from "./back-off.ts";
import { contextOf } from "./call-context.ts";
import { discardBody } from "./response-body.ts";
import { retryAfterInMs } from "./retry-after.ts";
import { isTransientFailure } from "./transient.ts";

/** Clock, sleep and chance, so that tests decide them. */
export interface RetryTiming {
  now(): number;
  sleep(ms: number, abortSignal: AbortSignal | undefined): Promise<void>;
  random(): number;
}

const realTiming: RetryTiming = {
  now: Date.now,
  sleep: (ms, abortSignal) => delay(ms, abortSignal === undefined ? {} : { abortSignal }),
  random: Math.random,
};

/** 408 and 429, and what gateways and overloaded services answer; 501 and 505 would answer the same again. */
const TRANSIENT_STATUS = new Set([408, 429, 500, 502, 503, 504]);

/**
 * Sends a request again when the answer is transient or the connection failed, with exponential back-off and jitter, or
 * after as long as the registry asks for. What may not be sent twice (a chunk of an upload) passes through once.
 */
export function retryPolicy(options: PipelineRetryOptions = {}, timing: RetryTiming = realTiming): PipelinePolicy {
  const { maxRetries, pauseInMs } = createBackOff(options, timing.random);

  return {
    name: "acrkitRetryPolicy",
    async sendRequest(request, next) {
      const { repeatable } = contextOf(request);
      const signal = request.abortSignal as AbortSignal | undefined;
      for (let retries = 0; ; retries++) {
        let response: PipelineResponse | undefined;
        let failure: unknown;
        try {
          response = await next(request);
          if (!TRANSIENT_STATUS.has(response.status)) return response;
        } catch (error) {
          if (signal?.aborted === true || !isTransientFailure(error)) throw error;
          failure = error;
        }
        const pause = (response && retryAfterInMs(response.headers, timing.now())) ?? pauseInMs(retries);
        if (!repeatable || retries >= maxRetries || pause > LONGEST_PAUSE_IN_MS) {
          if (response !== undefined) return response;
          throw failure;
        }
        if (response !== undefined) await discardBody(response);
        throwIfAborted(signal);
        logger.info(
          `${request.method} will be sent again in ${Math.round(pause)} ms (retry ${retries + 1} of ${maxRetries}): ${
            response === undefined ? (failure as Error).message : `status ${response.status}`
          }`,
        );
        await timing.sleep(pause, signal);
      }
    },
  };
}
