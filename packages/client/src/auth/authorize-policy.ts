import type { PipelinePolicy } from "@azure/core-rest-pipeline";
import { contextOf } from "../pipeline/call-context.ts";
import { explainRefusal } from "../pipeline/refusal.ts";
import { discardBody } from "../pipeline/response-body.ts";
import type { Authenticator } from "./authenticator.ts";

/**
 * Gives a request its token, and answers challenges for as long as that is worth a try: ACR says 401 for a missing permission
 * as well, so that each reason counts once. What ends a call is explained. A body that flowed cannot be sent again: what to do is for the upload to say.
 *
 * Requests to another origin pass as they are; credentials are the registry's own.
 */
export function authorizePolicy(authenticator: Authenticator, registry: URL): PipelinePolicy {
  return {
    name: "acrkitAuthorizePolicy",
    async sendRequest(request, next) {
      if (new URL(request.url).origin !== registry.origin) return next(request);
      const { scopes, hasBodyAgain } = contextOf(request);
      const signal = request.abortSignal as AbortSignal | undefined;

      for (let used = await authenticator.authorize(scopes, signal); ; ) {
        setAuthorization(used.header);
        const response = await next(request);
        if (response.status !== 401) return response;
        // A store that the registry redirected to has no say in how to log in to the registry.
        if (new URL(response.request.url).origin !== registry.origin) return response;
        if (!hasBodyAgain) {
          authenticator.forget(used);
          return response;
        }
        const challenge = response.headers.get("www-authenticate");
        const renewed = await authenticator.answerChallenge(challenge, scopes, used, signal).catch(async (error) => {
          await discardBody(response);
          throw error;
        });
        if (renewed === undefined) {
          const explanation = authenticator.explain(challenge, used);
          if (explanation !== undefined) explainRefusal(response, explanation);
          return response;
        }
        await discardBody(response);
        used = renewed;
      }

      function setAuthorization(value: string | undefined): void {
        if (value === undefined) request.headers.delete("authorization");
        else request.headers.set("authorization", value);
      }
    },
  };
}
