import type { CallDescription } from "../pipeline/call-context.ts";

/** `deleteTag of team/app:v1 at myregistry.azurecr.io`: what was being done, to what. */
export function describeCall(call: CallDescription): string {
  const { operation, repository, reference, registry } = call;
  const separator = reference?.includes(":") === true ? "@" : ":";
  const subject =
    repository === undefined ? "" : ` of ${repository}${reference === undefined ? "" : separator + reference}`;
  return `${operation}${subject} at ${registry}`;
}

/** A reason as a sentence, followed by what to do. */
export function withHint(reason: string, hint: string | undefined): string {
  const trimmed = reason.trim();
  const sentence = /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
  return hint === undefined ? sentence : `${sentence} ${hint}`;
}
