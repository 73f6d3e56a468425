import type { Store } from "../storage/store.ts";
import { failure, failureAnswer } from "./failure.ts";
import type { Handler } from "./message.ts";

/**
 * Holds an answer back until what it says has been done is on the disk. Answers to GET and HEAD promise nothing, and do
 * not wait.
 */
export function acknowledgeDurably(store: Store, handler: Handler): Handler {
  return async (request) => {
    const answer = await handler(request);
    if (request.method === "GET" || request.method === "HEAD") return answer;
    try {
      await store.sync();
      return answer;
    } catch (error) {
      return { ...failureAnswer(failure("UNKNOWN")), failure: error };
    }
  };
}
