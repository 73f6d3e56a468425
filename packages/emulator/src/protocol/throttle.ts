import { withRegistryHeaders } from "./common-headers.ts";
import { failure, failureAnswer } from "./failure.ts";
import type { Handler } from "./message.ts";

/** Seconds. */
const RETRY_AFTER = "1";

/**
 * `handler`, but for requests beyond so many under way at a time: those get 429, and nothing of them is read. Clients throttled
 * at the token endpoints could not even ask again, so these do not count.
 */
export function throttled(handler: Handler, maxConcurrent: number | undefined): Handler {
  if (maxConcurrent === undefined) return handler;
  let underWay = 0;
  return async (request) => {
    if (request.path.startsWith("/oauth2/")) return handler(request);
    if (underWay >= maxConcurrent) {
      return withRegistryHeaders(
        failureAnswer(failure("TOOMANYREQUESTS", { headers: [["Retry-After", RETRY_AFTER]] })),
      );
    }
    underWay++;
    try {
      return await handler(request);
    } finally {
      underWay--;
    }
  };
}
