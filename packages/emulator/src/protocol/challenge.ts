import { formatChallenge, formatScope, type Scope } from "@acrkit/oci";
import type { Authentication } from "../auth/authenticator.ts";
import type { RegistryContext } from "./context.ts";
import { failure, type RegistryFailure } from "./failure.ts";
import { UNKNOWN_USER, unreadableUser } from "./unseen.ts";

/** 2.1: the 401 for a call that needs `wanted`. The error parameter tells why what was sent does not reach. */
export function challenge(
  { scheme }: RegistryContext,
  host: string,
  wanted: readonly Scope[],
  authentication: Authentication,
): RegistryFailure {
  if (authentication.kind === "unreadable-user") return unreadableUser();
  const detail = challengeDetail(wanted);
  if (authentication.kind === "wrong-password") {
    return failure("UNAUTHORIZED", {
      ...(authentication.knownUser ? {} : { message: UNKNOWN_USER }),
      detail,
      headers: [["WWW-Authenticate", formatChallenge("Basic", { realm: "Azure Container Registry" })]],
    });
  }
  const parameters: Record<string, string> = { realm: `${scheme}://${host}/oauth2/token`, service: host };
  if (wanted.length > 0) parameters.scope = wanted.map(formatScope).join(" ");
  // Which error a bad token gets was never seen; RFC 6750 and distribution have this one (2.1).
  if (authentication.kind === "invalid-token") parameters.error = "invalid_token";
  if (authentication.kind === "granted") parameters.error = "insufficient_scope";
  return failure("UNAUTHORIZED", {
    detail,
    headers: [["WWW-Authenticate", formatChallenge("Bearer", parameters)]],
  });
}

/** One entry per action, capitalised keys, `pull` before `push`; `null` where nothing in particular is wanted. */
function challengeDetail(wanted: readonly Scope[]): unknown {
  if (wanted.length === 0) return null;
  return wanted.flatMap(({ type, name, actions }) =>
    [...actions].sort().map((action) => ({ Type: type, Name: name, Action: action })),
  );
}
