import type { PipelinePolicy } from "@azure/core-rest-pipeline";
import { contextOf } from "../pipeline/call-context.ts";
import { discardBody } from "../pipeline/response-body.ts";
import type { Authenticator } from "./authenticator.ts";

/**
 * Gives a request its token, and answers a challenge once: ACR says 401 for a missing permission as well, so that a second
 * answer could only be the same.
 *
 * Requests to another origin pass as they are; credentials are the registry's own.
 */
export function authorizePolicy(authenticator: Authenticator, registry: URL): PipelinePolicy {
  return {
    name: "acrkitAuthorizePolicy",
    async sendRequest(request, next) {
      if (new URL(request.url).origin !== registry.origin) return next(request);
      const { scopes, repeatable } = contextOf(request);
      const signal = request.abortSignal as AbortSignal | undefined;

      const used = await authenticator.authorize(scopes, signal);
      setAuthorization(used.header);
      const response = await next(request);
      if (response.status !== 401 || !repeatable) return response;
      // A store that the registry redirected to has no say in how to log in to the registry.
      if (new URL(response.request.url).origin !== registry.origin) return response;

      const renewed = await authenticator.answerChallenge(
        response.headers.get("www-authenticate"),
        scopes,
        used,
        signal,
      );
      if (renewed === undefined) return response;
      await discardBody(response);
      setAuthorization(renewed.header);
      return next(request);

      function setAuthorization(value: string | undefined): void {
        if (value === undefined) request.headers.delete("authorization");
        else request.headers.set("authorization", value);
      }
    },
  };
}
