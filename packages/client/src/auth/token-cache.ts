import { formatScopes, isCovered, type Scope } from "@acrkit/oci";
import { BoundedMap, MAX_KEPT } from "./bounded-map.ts";
import { claimsOf, grantedScopes } from "./token-claims.ts";

/** A token and when to stop using it, on this machine's clock. */
export interface CachedToken {
  readonly value: string;
  readonly renewAtMs: number;
}

interface Entry {
  readonly token: CachedToken;
  readonly owner: string;
  /** What it was asked for, and what it says it was given. */
  readonly asked: readonly Scope[];
  readonly granted: readonly Scope[];
}

/** Tokens by whose they are and what they are for; the one unused for longest goes first. */
export class TokenCache {
  readonly #entries = new BoundedMap<string, Entry>(MAX_KEPT);

  /**
   * A token of `owner` for these scopes, or for more: after a push, its token serves the pull of what was pushed. What a
   * token was asked for and not given, it does not serve, except for those very scopes: that they are not given is an answer.
   */
  get(owner: string, scopes: readonly Scope[], nowMs: number): CachedToken | undefined {
    return this.getExact(owner, scopes, nowMs) ?? this.#findCovering(owner, scopes, nowMs);
  }

  /** One that was asked for with just these scopes. */
  getExact(owner: string, scopes: readonly Scope[], nowMs: number): CachedToken | undefined {
    return this.#take(keyOf(owner, scopes), nowMs);
  }

  set(owner: string, scopes: readonly Scope[], token: CachedToken): void {
    const granted = grantedScopes(token.value) ?? scopes;
    this.#entries.set(keyOf(owner, scopes), { token, owner, asked: scopes, granted });
  }

  /** Forgets one that was refused, under whatever scopes it is kept. */
  delete(value: string): void {
    for (const [key, { token }] of this.#entries.entries()) if (token.value === value) this.#entries.delete(key);
  }

  #take(key: string, nowMs: number): CachedToken | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.token.renewAtMs > nowMs) return entry.token;
    this.#entries.delete(key);
    return undefined;
  }

  #findCovering(owner: string, scopes: readonly Scope[], nowMs: number): CachedToken | undefined {
    if (scopes.length === 0) return undefined;
    for (const [key, entry] of this.#entries.entries()) {
      if (entry.owner !== owner) continue;
      if (!scopes.every((scope) => isCovered(scope, entry.asked) && isCovered(scope, entry.granted))) continue;
      const token = this.#take(key, nowMs);
      if (token !== undefined) return token;
    }
    return undefined;
  }
}

function keyOf(owner: string, scopes: readonly Scope[]): string {
  return `${owner} ${formatScopes(scopes)}`;
}

/** As the Azure SDKs do. A token that lives for less than 25 minutes is renewed when a fifth of its life is left. */
const RENEW_BEFORE_EXPIRY_MS = 5 * 60_000;

/** distribution's token specification: "For compatibility with older clients, a token should never be returned with less than 60 seconds to live"; what counts when nothing is said. */
const DEFAULT_LIFE_MS = 60_000;

/** What is known of a token beside its text. */
export interface TokenAge {
  /** When it was asked for, on this machine's clock. */
  readonly fetchedAtMs: number;
  readonly expiresInSeconds?: number | undefined;
  /** How far the registry's clock is ahead of this machine's. */
  readonly clockOffsetMs?: number;
}

/**
 * When a token has to be renewed.
 *
 * ACR says it only in the JWT (`exp`); other registries in `expires_in`. The life is counted from the moment of the request
 * and not from the token's `iat`, so that a clock that is wrong on either side does no harm.
 */
export function renewalTime(token: string, { fetchedAtMs, expiresInSeconds, clockOffsetMs = 0 }: TokenAge): number {
  const lifeMs =
    jwtLifeMs(token, fetchedAtMs + clockOffsetMs) ??
    (expiresInSeconds === undefined ? DEFAULT_LIFE_MS : expiresInSeconds * 1000);
  return fetchedAtMs + lifeMs - renewalMargin(lifeMs);
}

/** How long before its end a token that lives so long is renewed. */
export function renewalMargin(lifeMs: number): number {
  return Math.min(RENEW_BEFORE_EXPIRY_MS, lifeMs / 5);
}

function jwtLifeMs(token: string, theirNowMs: number): number | undefined {
  const { exp, iat } = claimsOf(token) ?? {};
  if (typeof exp !== "number") return undefined;
  return typeof iat === "number" ? (exp - iat) * 1000 : exp * 1000 - theirNowMs;
}
