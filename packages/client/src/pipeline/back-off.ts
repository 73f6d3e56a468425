import type { PipelineRetryOptions } from "@azure/core-rest-pipeline";

/** As in Azure Core: three retries, the first after about 1 s, none later than after 64 s. */
const RETRY_DEFAULTS: Required<PipelineRetryOptions> = {
  maxRetries: 3,
  retryDelayInMs: 1_000,
  maxRetryDelayInMs: 64_000,
};

/** A registry that asks for a longer pause gets none: the caller is told at once, with `retryAfterInMs`. */
export const LONGEST_PAUSE_IN_MS = 5 * 60_000;

/** How often something is tried again, and after which pause: for requests, and for transfers that go on after a break. */
export interface BackOff {
  readonly maxRetries: number;
  /** The pause before retry number `retries`, counted from 0. */
  pauseInMs(retries: number): number;
}

/** Half of the delay is fixed, half is chance: clients that failed together do not come back together. */
export function createBackOff(options: PipelineRetryOptions = {}, random: () => number = Math.random): BackOff {
  const maxRetries = options.maxRetries ?? RETRY_DEFAULTS.maxRetries;
  const firstDelay = options.retryDelayInMs ?? RETRY_DEFAULTS.retryDelayInMs;
  const maxDelay = options.maxRetryDelayInMs ?? RETRY_DEFAULTS.maxRetryDelayInMs;
  return {
    maxRetries,
    pauseInMs(retries) {
      const full = Math.min(maxDelay, firstDelay * 2 ** retries);
      return full / 2 + (full / 2) * random();
    },
  };
}
