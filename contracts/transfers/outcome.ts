import { isDigestMismatchError, isLimitError, isRegistryError, TransferTimeoutError } from "@acrkit/client";
import type { Scenario } from "./scenario.ts";

/** What a run has brought to light, in words; nothing when all is well. */
export class Findings {
  readonly list: string[] = [];

  /** Not an assertion: one difference must not hide the others, nor be taken for an error of the client. */
  expect(isTrue: boolean, otherwise: string): void {
    if (!isTrue) this.list.push(otherwise);
  }
}

/** Looks at an error that a transfer has ended with: is it one that a caller can tell, and is there a reason for it? */
export function judgeError(error: unknown, scenario: Scenario, signal: AbortSignal, findings: Findings): void {
  const { name, message } = error as Error;
  const shown = `${name}: ${message}`;
  if (name === "AbortError") {
    findings.expect(signal.aborted, `an AbortError although nobody aborted: ${shown}`);
    return;
  }
  if (error instanceof TransferTimeoutError) {
    findings.expect(scenario.timeoutInMs !== undefined, `a timeout that nobody asked for: ${shown}`);
    return;
  }
  const typed = isRegistryError(error) || isDigestMismatchError(error) || isLimitError(error);
  findings.expect(typed, `an error that a caller cannot tell: ${(error as Error).stack ?? shown}`);
}

/** How a transfer has ended, for people. */
export function outcomeOf(failure: unknown): string {
  return failure === undefined ? "done" : `${(failure as Error).name}: ${(failure as Error).message}`;
}
