import {
  createHttpHeaders,
  type PipelinePolicy,
  type PipelineRequest,
  type PipelineResponse,
  RestError,
  type SendRequest,
} from "@azure/core-rest-pipeline";
import { contextOf, type RedirectMemory } from "./call-context.ts";
import { copyRequest } from "./copy-request.ts";
import { discardBody } from "./response-body.ts";

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** One to the blob store is the rule; more than a few is a loop. */
const MAX_REDIRECTS = 5;

/** What another origin needs to see. Whatever else a request carries may be a credential of the registry's, or of its gateway. */
const SENT_ELSEWHERE = new Set([
  "accept",
  "accept-encoding",
  "range",
  "traceparent",
  "tracestate",
  "user-agent",
  "x-ms-client-request-id",
]);

/** How often a signed URL that is refused is fetched anew: one signed a moment ago that is refused too is refused for good. */
const FRESH_TARGETS = 1;

/**
 * Follows redirects of GET and HEAD, as ACR gives for every blob: without credentials once the origin changes, since
 * they are the registry's only (and blob storage refuses a request that carries them), and never from https to http.
 *
 * The request that came in stays as it is: the target's signature expires, so that a retry must start at the registry. So
 * does a target that refuses its own signature, once. The requests of one transfer may share a memory: then they go straight
 * to the target of the one before, until it gives anything but what was asked for.
 */
export function redirectPolicy(): PipelinePolicy {
  return {
    name: "acrkitRedirectPolicy",
    async sendRequest(request, next) {
      const { redirects: memory } = contextOf(request);
      if (memory?.target !== undefined) {
        const response = await fromMemory(request, next, memory);
        if (response !== undefined) return response;
      }
      for (let refusals = 0; ; refusals++) {
        const response = await follow(request, next);
        const isElsewhere = originOf(response.request) !== originOf(request);
        if (isElsewhere && refusals < FRESH_TARGETS && isRefusal(response)) {
          await discardBody(response);
          continue;
        }
        if (isElsewhere && memory !== undefined && isSuccess(response)) memory.target = response.request.url;
        return response;
      }
    },
  };
}

/** The answer of the target that is remembered; undefined, and the target forgotten, when it is not good any more. */
async function fromMemory(
  request: PipelineRequest,
  next: SendRequest,
  memory: RedirectMemory,
): Promise<PipelineResponse | undefined> {
  const { target } = memory;
  if (target === undefined) return undefined;
  // Only what failed is forgotten: another request may have brought a new one meanwhile.
  const forget = () => {
    if (memory.target === target) memory.target = undefined;
  };
  let response: PipelineResponse;
  try {
    response = await next(redirected(request, target));
  } catch (error) {
    forget();
    throw error;
  }
  if (isSuccess(response)) return response;
  forget();
  // One that is overloaded is for the retry, which knows how long to leave it alone.
  if (response.status === 429 || response.status >= 500) return response;
  await discardBody(response);
  return undefined;
}

async function follow(request: PipelineRequest, next: SendRequest): Promise<PipelineResponse> {
  let current = request;
  for (let hops = 0; ; hops++) {
    const response = await next(current);
    const location = response.headers.get("location");
    if (!REDIRECTS.has(response.status) || location === undefined) return response;
    if (current.method !== "GET" && current.method !== "HEAD") return response;
    await discardBody(response);
    if (hops >= MAX_REDIRECTS) {
      throw new RestError(`the registry redirected more than ${MAX_REDIRECTS} times`, { code: "TOO_MANY_REDIRECTS" });
    }
    current = redirected(current, location);
  }
}

function isSuccess({ status }: PipelineResponse): boolean {
  return status >= 200 && status < 300;
}

/** The answers of a store to a signature that it does not take; Azure's says so in a header, whatever the status. */
function isRefusal({ status, headers }: PipelineResponse): boolean {
  return status === 401 || status === 403 || headers.get("x-ms-error-code") === "AuthenticationFailed";
}

function originOf({ url }: PipelineRequest): string {
  return new URL(url).origin;
}

function redirected(request: PipelineRequest, location: string): PipelineRequest {
  const from = new URL(request.url);
  let to: URL;
  try {
    to = new URL(location, from);
  } catch {
    throw new RestError("the registry redirected to something that is no URL", { code: "INVALID_REDIRECT" });
  }
  if (to.protocol !== "https:" && to.protocol !== from.protocol) {
    throw new RestError(`the registry redirected from ${from.protocol} to ${to.protocol}, which is not followed`, {
      code: "INVALID_REDIRECT",
    });
  }
  const headers = createHttpHeaders(request.headers.toJSON({ preserveCase: true }));
  if (to.origin !== from.origin) {
    for (const [name] of request.headers) if (!SENT_ELSEWHERE.has(name.toLowerCase())) headers.delete(name);
  }
  return copyRequest(request, { url: to.toString(), headers });
}
