import { type Challenge, parseChallenges, parseScopes, type Scope } from "@acrkit/oci";

/** How a registry wants to be asked. */
export type LoginScheme =
  | { readonly kind: "none" }
  | { readonly kind: "basic" }
  | { readonly kind: "bearer"; readonly realm: URL; readonly service: string | undefined };

/** A challenge that this library can answer, with the scope it names and what it says is wrong (`insufficient_scope`). */
export interface LoginChallenge {
  readonly scheme: LoginScheme;
  readonly scope: string | undefined;
  readonly error: string | undefined;
}

/**
 * The challenge of an answer that can be met, bearer before basic; undefined when there is none, or its realm is no URL.
 */
export function readChallenge(header: string | undefined, origin: URL): LoginChallenge | undefined {
  const challenges = header === undefined ? [] : parseChallenges(header);
  const bearer = challenges.find(({ scheme }) => scheme === "bearer");
  const scheme = bearer === undefined ? undefined : bearerScheme(bearer, origin);
  if (scheme !== undefined) return { scheme, scope: bearer?.parameters.scope, error: bearer?.parameters.error };
  if (challenges.some((challenge) => challenge.scheme === "basic"))
    return { scheme: { kind: "basic" }, scope: undefined, error: undefined };
  return undefined;
}

function bearerScheme({ parameters }: Challenge, origin: URL): LoginScheme | undefined {
  const { realm, service } = parameters;
  if (realm === undefined) return undefined;
  try {
    return { kind: "bearer", realm: new URL(realm, origin), service };
  } catch {
    return undefined;
  }
}

/** A challenge has one or two; one that names a thousand would be asked for, and remembered. */
const MAX_CHALLENGED_SCOPES = 50;

/** The challenge's scopes; those predicted when it names none, too many, or something that is no scope. */
export function challengedScopes(challenge: LoginChallenge, predicted: readonly Scope[]): readonly Scope[] {
  if (challenge.scope === undefined || challenge.scope === "") return predicted;
  try {
    const scopes = parseScopes(challenge.scope);
    return scopes.length > MAX_CHALLENGED_SCOPES ? predicted : scopes;
  } catch {
    return predicted;
  }
}
