import { digestOf, InvalidInputError } from "@acrkit/oci";
import { type AccessToken, isTokenCredential, type TokenCredential } from "@azure/core-auth";
import { decodeJwt } from "jose";
import type { BasicCredential, RefreshTokenCredential } from "./credential.ts";

/**
 * A credential, told apart. `key` is the same for the same credential and different for others, and holds nothing secret:
 * tokens are kept by it.
 */
export type Identity = EntraIdentity | BasicIdentity | RefreshTokenIdentity | AnonymousIdentity;

export interface EntraIdentity {
  readonly kind: "entra";
  readonly key: string;
  readonly audience: string;
  /** A fresh token of Entra ID, or one of the credential's own cache. */
  getToken(abortSignal: AbortSignal): Promise<AccessToken | null>;
}

export interface BasicIdentity extends BasicCredential {
  readonly kind: "basic";
  readonly key: string;
}

export interface RefreshTokenIdentity extends RefreshTokenCredential {
  readonly kind: "refreshToken";
  readonly key: string;
}

export interface AnonymousIdentity {
  readonly kind: "anonymous";
  readonly key: "anonymous";
}

export const ANONYMOUS: AnonymousIdentity = { kind: "anonymous", key: "anonymous" };

/** With this user name, ACR takes a refresh token for a password; docker stores what `az acr login` gave it so. */
export const TOKEN_USER = "00000000-0000-0000-0000-000000000000";

/** Tells credentials apart. One of these for a client: an Entra credential is known again by being the same object. */
export class Identities {
  readonly #audience: string;
  readonly #entra = new WeakMap<TokenCredential, EntraIdentity>();
  #count = 0;

  constructor(audience: string) {
    this.#audience = audience;
  }

  /**
   * Undefined is anonymous. `what` is what errors call the value.
   *
   * @throws {InvalidInputError} the value is no credential; it is not shown
   */
  of(credential: unknown, what = "credential"): Identity {
    if (credential === undefined) return ANONYMOUS;
    if (isTokenCredential(credential)) return this.#entraIdentity(credential);
    const { username, password, refreshToken } = (
      typeof credential === "object" && credential !== null ? credential : {}
    ) as Partial<BasicCredential & RefreshTokenCredential>;
    if (typeof refreshToken === "string" && refreshToken !== "") return refreshTokenIdentity(refreshToken, what);
    if (typeof username === "string" && username !== "" && typeof password === "string") {
      return basicIdentity(username, password, what);
    }
    throw refused(what, "expected a TokenCredential, { username, password } or { refreshToken }");
  }

  #entraIdentity(credential: TokenCredential): EntraIdentity {
    const known = this.#entra.get(credential);
    if (known !== undefined) return known;
    const audience = this.#audience;
    const identity: EntraIdentity = {
      kind: "entra",
      key: `entra ${++this.#count}`,
      audience,
      getToken: async (abortSignal) => credential.getToken(`${audience}/.default`, { abortSignal }),
    };
    this.#entra.set(credential, identity);
    return identity;
  }
}

function refreshTokenIdentity(refreshToken: string, what: string): RefreshTokenIdentity {
  if (!isVisibleAscii(refreshToken)) {
    throw refused(
      what,
      "a refresh token holds no blanks, line breaks or other characters than ASCII; one that was read from a file may end in a line break: trim it",
    );
  }
  return { kind: "refreshToken", refreshToken, key: keyOf("refreshToken", refreshToken) };
}

function basicIdentity(username: string, password: string, what: string): Identity {
  // RFC 7617, 2: neither holds control characters. ACR answers a user name that ends in a newline with status 500
  // (fluxcd/source-controller#193).
  if (username.includes(":") || hasControlCharacter(username)) {
    throw refused(what, "a user name holds no colon, no line break and no other control character");
  }
  if (hasControlCharacter(password)) {
    throw refused(
      what,
      "a password holds no line break and no other control character; one that was read from a file may end in a line break: trim it",
    );
  }
  if (username === TOKEN_USER && isAcrRefreshToken(password)) return refreshTokenIdentity(password, what);
  return { kind: "basic", username, password, key: keyOf("basic", username, password) };
}

/** Access tokens are taken as that user's password as well, but cannot be traded for others. */
function isAcrRefreshToken(password: string): boolean {
  try {
    return isVisibleAscii(password) && decodeJwt(password).grant_type === "refresh_token";
  } catch {
    return false;
  }
}

/** Visible ASCII, which is all that tokens are made of (RFC 6750 has less), and all that a header can carry. */
export function isVisibleAscii(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

function hasControlCharacter(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

function keyOf(...parts: readonly string[]): string {
  return digestOf(new TextEncoder().encode(JSON.stringify(parts)));
}

function refused(what: string, problem: string): InvalidInputError {
  return new InvalidInputError(what, "(not shown)", problem);
}
