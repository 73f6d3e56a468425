import { decodeJwt } from "jose";

/** A token and when to stop using it, on this machine's clock. */
export interface CachedToken {
  readonly value: string;
  readonly renewAtMs: number;
}

/** A client that walks a registry of many repositories would otherwise keep a token for each, for ever. */
const MAX_TOKENS = 1_000;

/** Tokens by scope; the one unused for longest goes first. */
export class TokenCache {
  readonly #tokens = new Map<string, CachedToken>();

  get(key: string, nowMs: number): CachedToken | undefined {
    const token = this.#tokens.get(key);
    if (token === undefined) return undefined;
    this.#tokens.delete(key);
    if (token.renewAtMs <= nowMs) return undefined;
    this.#tokens.set(key, token);
    return token;
  }

  set(key: string, token: CachedToken): void {
    this.#tokens.set(key, token);
    if (this.#tokens.size > MAX_TOKENS) {
      const oldest = this.#tokens.keys().next().value;
      if (oldest !== undefined) this.#tokens.delete(oldest);
    }
  }

  delete(key: string): void {
    this.#tokens.delete(key);
  }
}

/** As the Azure SDKs do. A token that lives for less than 25 minutes is renewed when a fifth of its life is left. */
const RENEW_BEFORE_EXPIRY_MS = 5 * 60_000;

/** distribution's token specification: "For compatibility with older clients, a token should never be returned with less than 60 seconds to live"; what counts when nothing is said. */
const DEFAULT_LIFE_MS = 60_000;

/**
 * When a token that was fetched at `fetchedAtMs` has to be renewed.
 *
 * ACR says it only in the JWT (`exp`); other registries in `expires_in`. The life is counted from the moment of the request
 * and not from the token's `iat`, so that a clock that is wrong on either side does no harm.
 */
export function renewalTime(token: string, fetchedAtMs: number, expiresInSeconds?: number): number {
  const lifeMs =
    jwtLifeMs(token, fetchedAtMs) ?? (expiresInSeconds === undefined ? DEFAULT_LIFE_MS : expiresInSeconds * 1000);
  return fetchedAtMs + lifeMs - Math.min(RENEW_BEFORE_EXPIRY_MS, lifeMs / 5);
}

function jwtLifeMs(token: string, nowMs: number): number | undefined {
  try {
    const { exp, iat } = decodeJwt(token);
    if (typeof exp !== "number") return undefined;
    return typeof iat === "number" ? (exp - iat) * 1000 : exp * 1000 - nowMs;
  } catch {
    return undefined; // not a JWT: registries may hand out opaque tokens
  }
}
