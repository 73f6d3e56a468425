import type { AdditionalPolicyConfig, CommonClientOptions } from "@azure/core-client";
import {
  agentPolicy,
  createEmptyPipeline,
  type Pipeline,
  type PipelinePolicy,
  proxyPolicy,
  setClientRequestIdPolicy,
  tlsPolicy,
  tracingPolicy,
  userAgentPolicy,
} from "@azure/core-rest-pipeline";
import { isNodeLike } from "@azure/core-util";
import { VERSION } from "../version.ts";
import { bufferPolicy } from "./buffer.ts";
import { idlePolicy } from "./idle.ts";
import { logPolicy } from "./log.ts";
import { redirectPolicy } from "./redirect.ts";
import { retryPolicy } from "./retry.ts";

/** What the requests of the registry's own API pass as well, and those that fetch tokens do not. */
export interface RegistryPolicies {
  readonly authorize: PipelinePolicy;
  readonly pace: PipelinePolicy;
}

/**
 * The way of a request, outermost first. The registry's own policies are left out for the requests that fetch tokens.
 *
 * This list is the only place where order is decided.
 */
export function createRegistryPipeline(
  options: CommonClientOptions,
  { authorize, pace }: Partial<RegistryPolicies> = {},
): Pipeline {
  const policies: (PipelinePolicy | undefined)[] = [
    // One id for a call, kept through challenges, retries and redirects, as the service's logs expect.
    setClientRequestIdPolicy(options.telemetryOptions?.clientRequestIdHeaderName),
    userAgentPolicy({ ...options.userAgentOptions, userAgentPrefix: userAgent(options) }),
    ...additional(options.additionalPolicies, "perCall"),
    // Outside the retry: a 401 is an answer that asks for a token, not a failure to be repeated.
    authorize,
    retryPolicy(options.retryOptions),
    // Small answers are read within the attempt, so that one which breaks off is tried again.
    bufferPolicy(),
    ...additional(options.additionalPolicies, "perRetry"),
    // A span for each attempt.
    tracingPolicy({ userAgentPrefix: userAgent(options) }),
    // Inside the retry: a redirect's signed URL expires, so that every attempt asks the registry for a new one.
    redirectPolicy(),
    // Inside the retry: every attempt waits for its turn, and every refusal counts. Inside the redirect: its target is no
    // registry, and has a pace of its own.
    pace,
    // How to connect; Node only, a browser decides for itself. The proxy policy also reads HTTPS_PROXY and NO_PROXY.
    ...(isNodeLike
      ? [
          options.agent && agentPolicy(options.agent),
          options.tlsOptions && tlsPolicy(options.tlsOptions),
          proxyPolicy(options.proxyOptions),
        ]
      : []),
    // One attempt may not stay silent for ever.
    idlePolicy(),
    // What really goes out and comes in, by an allow-list.
    logPolicy(),
  ];
  const pipeline = createEmptyPipeline();
  for (const policy of policies) if (policy !== undefined) pipeline.addPolicy(policy);
  return pipeline;
}

function additional(policies: readonly AdditionalPolicyConfig[] = [], position: string): PipelinePolicy[] {
  return policies.filter((entry) => entry.position === position).map((entry) => entry.policy);
}

function userAgent(options: CommonClientOptions): string {
  const own = `acrkit-client/${VERSION}`;
  const prefix = options.userAgentOptions?.userAgentPrefix;
  return prefix === undefined ? own : `${prefix} ${own}`;
}
