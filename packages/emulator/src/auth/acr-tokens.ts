import { randomUUID } from "node:crypto";
import type { Scope } from "@acrkit/oci";
import type { Claims, Jwts, Verified } from "./jwt.ts";

/** Seconds; chapter 2.6. */
const REFRESH_LIFE = 11_700;
const ACCESS_LIFE = 4_500;
const ANONYMOUS_LIFE = 1_200;

const ANONYMOUS_SUBJECT = "acr_anon_pull";

/** Whom a refresh token is given to, and what it tells of that. */
export interface RefreshTokenOwner {
  /** The object id. The registry finds by it, at every use, what its owner may do. */
  readonly subject: string;
  readonly clientId: string;
  /** In the words of the `permissions` claim. */
  readonly permissions: readonly string[];
  /** Registries with ABAC mark their refresh tokens, and clients tell them by it (2.5). */
  readonly isAbac: boolean;
}

/** What a presented token is good for. */
export type Presented<T> = { readonly kind: "valid"; readonly value: T } | { readonly kind: "invalid" };

/** The registry's own tokens, claim for claim as in chapter 2.6. */
export class AcrTokens {
  readonly #jwts: Jwts;
  readonly #registryId: string;

  constructor(jwts: Jwts, registryId: string) {
    this.#jwts = jwts;
    this.#registryId = registryId;
  }

  refreshToken(loginServer: string, { subject, clientId, permissions, isAbac }: RefreshTokenOwner): Promise<string> {
    return this.#jwts.sign({
      ...this.#claims(loginServer, subject, REFRESH_LIFE, "1.0"),
      grant_type: "refresh_token",
      appid: clientId,
      permissions: { Actions: permissions, NotActions: null },
      roles: [],
      // Only that it is there was seen (acr-cli looks for it); its value is made up.
      ...(isAbac ? { aad_identity: subject } : {}),
    });
  }

  /** An access token for what was granted, which may be nothing: the refusal comes with the operation. */
  accessToken(loginServer: string, subject: string, granted: readonly Scope[]): Promise<string> {
    return this.#jwts.sign({
      ...this.#claims(loginServer, subject, ACCESS_LIFE, "2.0"),
      access: granted.map(({ type, name, actions }) => ({ type, name, actions })),
      roles: [],
      grant_type: "access_token",
    });
  }

  /** The token of anonymous pull; its access entries have capitalised keys. */
  anonymousToken(loginServer: string, granted: readonly Scope[]): Promise<string> {
    return this.#jwts.sign({
      ...this.#claims(loginServer, ANONYMOUS_SUBJECT, ANONYMOUS_LIFE, "1.0"),
      access: granted.map(({ type, name, actions }) => ({ Type: type, Name: name, Actions: actions })),
      roles: [],
      grant_type: "access_token",
    });
  }

  /** Reads a refresh token back: the object id of its owner. */
  async readRefreshToken(loginServer: string, token: string): Promise<Presented<string>> {
    const claims = this.#ownClaims(await this.#jwts.verify(token), loginServer, "refresh_token");
    return claims === undefined ? { kind: "invalid" } : { kind: "valid", value: String(claims.sub) };
  }

  /** Reads an access token back: the scopes it covers. */
  async readAccessToken(loginServer: string, token: string): Promise<Presented<readonly Scope[]>> {
    const claims = this.#ownClaims(await this.#jwts.verify(token), loginServer, "access_token");
    if (claims === undefined) return { kind: "invalid" };
    return { kind: "valid", value: (claims.access as readonly AccessEntry[]).map(scopeOf) };
  }

  /** Entra's tokens, and those of registries beside this one, are signed with the same key here. */
  #ownClaims(verified: Verified, loginServer: string, grantType: string): Claims | undefined {
    if (verified.kind !== "valid") return undefined;
    const { claims } = verified;
    const isOwn = claims.iss === ISSUER && claims.rid === this.#registryId;
    return isOwn && claims.aud === loginServer && claims.grant_type === grantType ? claims : undefined;
  }

  #claims(loginServer: string, subject: string, life: number, version: string): Claims {
    const now = this.#jwts.nowSeconds();
    return {
      jti: randomUUID(),
      sub: subject,
      nbf: now,
      exp: now + life,
      iat: now,
      iss: ISSUER,
      aud: loginServer,
      version,
      rid: this.#registryId,
    };
  }
}

const ISSUER = "Azure Container Registry";

type AccessEntry = Readonly<Record<string, unknown>>;

function scopeOf(entry: AccessEntry): Scope {
  return {
    type: String(entry.type ?? entry.Type),
    name: String(entry.name ?? entry.Name),
    actions: (entry.actions ?? entry.Actions) as readonly string[],
  };
}
