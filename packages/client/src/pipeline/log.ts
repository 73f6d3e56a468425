import type { PipelinePolicy } from "@azure/core-rest-pipeline";
import { logger } from "../logger.ts";
import { headersWithoutSecrets, urlWithoutSecrets } from "./redact.ts";

/**
 * Logs what really goes out and comes in: method, address, status, headers, all by an allow-list.
 *
 * In place of Azure Core's policy, which writes an answer's headers as they are (a `Location` is a signed URL, or an upload's
 * state) and everything that a request carries along, the passwords of a proxy and of a TLS key among it.
 */
export function logPolicy(): PipelinePolicy {
  return {
    name: "logPolicy",
    async sendRequest(request, next) {
      if (!logger.info.enabled) return next(request);
      const { method, url, requestId } = request;
      logger.info(
        `Request: ${pretty({ method, url: urlWithoutSecrets(url), headers: headersWithoutSecrets(request.headers), requestId })}`,
      );
      const response = await next(request);
      logger.info(`Response status code: ${response.status}`);
      logger.info(`Headers: ${pretty(headersWithoutSecrets(response.headers))}`);
      return response;
    },
  };
}

function pretty(value: object): string {
  return JSON.stringify(value, undefined, 2);
}
