import { createHttpHeaders, type PipelinePolicy, type PipelineRequest, RestError } from "@azure/core-rest-pipeline";
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

/**
 * Follows redirects of GET and HEAD, as ACR gives for every blob: without credentials once the origin changes, since
 * they are the registry's only (and blob storage refuses a request that carries them), and never from https to http.
 *
 * The request that came in stays as it is: the target's signature expires, so that a retry must start at the registry.
 */
export function redirectPolicy(): PipelinePolicy {
  return {
    name: "acrkitRedirectPolicy",
    async sendRequest(request, next) {
      let current = request;
      for (let hops = 0; ; hops++) {
        const response = await next(current);
        const location = response.headers.get("location");
        if (!REDIRECTS.has(response.status) || location === undefined) return response;
        if (current.method !== "GET" && current.method !== "HEAD") return response;
        await discardBody(response);
        if (hops >= MAX_REDIRECTS) {
          throw new RestError(`the registry redirected more than ${MAX_REDIRECTS} times`, {
            code: "TOO_MANY_REDIRECTS",
          });
        }
        current = redirected(current, location);
      }
    },
  };
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
