import { type PipelinePolicy, RestError } from "@azure/core-rest-pipeline";
import { contextOf } from "./call-context.ts";
import { copyRequest } from "./copy-request.ts";
import { IdleTimer } from "./idle-timer.ts";
import { IDLE_TIMEOUT_CODE } from "./transient.ts";

/**
 * Gives up on an attempt when neither the answer comes nor the request's body moves for the idle timeout (the time in which
 * the body waits for its own source does not count), and turns the
 * transport's own timeout (`requestOptions.timeout`), which looks like an abort there, into an error that says so.
 *
 * An answer's body has its own watch where it is read.
 */
export function idlePolicy(): PipelinePolicy {
  return {
    name: "acrkitIdlePolicy",
    async sendRequest(request, next) {
      const context = contextOf(request);
      const outer = request.abortSignal as AbortSignal | undefined;
      const controller = new AbortController();
      let idle = false;
      const timer = new IdleTimer(context.idleTimeoutInMs, () => {
        idle = true;
        controller.abort();
      });
      context.watch = timer;
      // AbortSignal.any holds what it joins weakly: nothing has to be removed from a caller's long-lived signal. The attempt
      // is a copy that keeps the joint signal, since the transport takes its listener off again only when the body ends,
      // and Node never lets go of a joint signal that somebody listens to.
      const abortSignal = outer === undefined ? controller.signal : AbortSignal.any([outer, controller.signal]);
      try {
        return await next(copyRequest(request, { abortSignal }));
      } catch (error) {
        if (outer?.aborted === true || (error as Error).name !== "AbortError") throw error;
        if (idle) {
          throw new RestError(`no answer came within ${Math.round(context.idleTimeoutInMs)} ms`, {
            code: IDLE_TIMEOUT_CODE,
          });
        }
        throw new RestError(`the request took longer than its timeout of ${request.timeout} ms`, { code: "ETIMEDOUT" });
      } finally {
        timer.stop();
        context.watch = undefined;
      }
    },
  };
}
