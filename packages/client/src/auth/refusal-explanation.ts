import { formatScopes, type Scope } from "@acrkit/oci";
import type { ResolvedIdentity } from "./credential-source.ts";
import { grantedScopes } from "./token-claims.ts";

/** What led to a 401 that cannot be answered. */
export interface Refusal {
  readonly who: ResolvedIdentity;
  /** What the token was asked for. */
  readonly asked: readonly Scope[];
  /** The token that was refused; undefined where none was sent. */
  readonly token: string | undefined;
  /** The challenge's `error`. */
  readonly error: string | undefined;
  /** How far the registry's clock is ahead of this machine's. */
  readonly clockOffsetMs: number;
}

const ROLES =
  "give it a role for this operation (AcrPull, AcrPush, AcrDelete; where permissions are by repository, Container Registry Repository Reader, Writer or Contributor; or a scope map)";

/** Entra ID and ACR tolerate five minutes. */
const TOLERATED_SKEW_MS = 5 * 60_000;

/** What was asked for, what was given, and what to do; undefined where the challenge says it all. */
export function explainRefusedToken(refusal: Refusal): string | undefined {
  const { who, asked, token, error, clockOffsetMs } = refusal;
  if (token === undefined) return undefined;
  const granted = grantedScopes(token);
  const given =
    granted === undefined ? "" : ` and given ${granted.length === 0 ? "nothing" : presentable(formatScopes(granted))}`;
  const told = `the token was asked for ${presentable(formatScopes(asked)) || "nothing"}${given}`;
  if (who.identity.kind === "anonymous") {
    return `No credential was given, and callers without one may not do this: ${told}. Pass a credential as the client's second argument.`;
  }
  const from = who.link === undefined ? "" : `, of the chain's link "${who.link}",`;
  if (error === "insufficient_scope") {
    return `The credential${from} is valid, but has no permission for this: ${told}. Check who it is, and ${ROLES}.`;
  }
  const skew =
    Math.abs(clockOffsetMs) > TOLERATED_SKEW_MS
      ? ` This machine's clock is ${Math.round(Math.abs(clockOffsetMs) / 60_000)} minutes ${clockOffsetMs > 0 ? "behind" : "ahead of"} the registry's: set it right.`
      : "";
  return `The registry refuses a token that it has just given to the credential${from}: ${told}.${skew} Try again later; if it stays so, check that the endpoint is the registry itself, and ${ROLES}.`;
}

const MAX_SHOWN = 400;

/** Scopes come from the registry: what a terminal could take for a command does not go on, nor does a whole header. */
function presentable(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]/g, "?");
  return plain.length > MAX_SHOWN ? `${plain.slice(0, MAX_SHOWN)}…` : plain;
}
