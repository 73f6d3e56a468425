import { AbortError, type AbortSignalLike } from "@azure/abort-controller";

/**
 * A caller's `AbortSignalLike` as a real `AbortSignal`. One that is already real is returned as it is; another kind is
 * followed for as long as it lives, since a body may still flow long after the call has returned.
 */
export function toAbortSignal(signal: AbortSignalLike | undefined): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  const controller = new AbortController();
  if (signal.aborted) controller.abort();
  else signal.addEventListener("abort", () => controller.abort(), { once: true });
  return controller.signal;
}

/** Aborts are never wrapped or explained: the caller knows why. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new AbortError("The operation was aborted.");
}

/** Waits for `result`, but no longer than until the abort; what it comes to after that is nobody's concern. */
export function orAborted<T>(result: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return result;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new AbortError("The operation was aborted."));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    result.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
