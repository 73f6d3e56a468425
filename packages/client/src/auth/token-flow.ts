import { formatScope, type Scope } from "@acrkit/oci";
import { withHint } from "../errors/describe.ts";
import { ClientAuthenticationError, isRegistryError } from "../errors/registry-error.ts";
import { orAborted } from "../pipeline/abort-signal.ts";
import { BoundedMap, MAX_KEPT } from "./bounded-map.ts";
import type { LoginScheme } from "./challenge.ts";
import type { ClockSkew } from "./clock-skew.ts";
import type { ResolvedIdentity } from "./credential-source.ts";
import { type EntraIdentity, isVisibleAscii } from "./identity.ts";
import { isTrustedRealm } from "./realm.ts";
import type { KeptRefreshToken, RefreshTokenStore } from "./refresh-token-store.ts";
import { SingleFlight } from "./single-flight.ts";
import { type CachedToken, renewalTime } from "./token-cache.ts";
import { entraOwner } from "./token-claims.ts";
import type { TokenAnswer, TokenEndpoint } from "./token-endpoint.ts";
import {
  anonymousAcrRequest,
  exchangeRequest,
  plainTokenRequest,
  refreshTokenRequest,
  type TokenRequest,
} from "./token-requests.ts";

export type Bearer = Extract<LoginScheme, { kind: "bearer" }>;

export interface TokenFlowOptions {
  readonly registry: URL;
  readonly endpoint: TokenEndpoint;
  readonly trustedTokenOrigins: readonly string[];
  readonly clockSkew: ClockSkew;
  readonly now: () => number;
  /** Refresh tokens that outlive the process. */
  readonly store?: RefreshTokenStore | undefined;
}

/** A refresh token, and whether it was exchanged for this very purpose: one that was not may have been revoked since. */
interface RefreshToken extends CachedToken {
  readonly isFresh: boolean;
  readonly kept: KeptRefreshToken | undefined;
}

/** Where Entra tokens are exchanged, and for which service. */
interface Exchange {
  readonly realm: URL;
  readonly service: string;
}

/**
 * Gets access tokens: the steps from an identity to a token for some scopes, each only when its result is not at hand.
 *
 * With Entra ID:
 * 1. The credential gives an Entra token for the audience.
 * 2. `POST /oauth2/exchange`: Entra token in, refresh token out (195 minutes).
 * 3. `POST /oauth2/token`: refresh token and scopes in, access token out (75 minutes).
 */
export class TokenFlow {
  readonly #registry: URL;
  readonly #endpoint: TokenEndpoint;
  readonly #trustedTokenOrigins: readonly string[];
  readonly #clockSkew: ClockSkew;
  readonly #now: () => number;
  readonly #store: RefreshTokenStore | undefined;
  readonly #refreshTokens = new BoundedMap<string, RefreshToken>(MAX_KEPT);
  readonly #exchanges = new SingleFlight<RefreshToken>();

  constructor(options: TokenFlowOptions) {
    this.#registry = options.registry;
    this.#endpoint = options.endpoint;
    this.#trustedTokenOrigins = options.trustedTokenOrigins;
    this.#clockSkew = options.clockSkew;
    this.#now = options.now;
    this.#store = options.store;
  }

  /** @throws {ClientAuthenticationError} the identity is refused, or the realm may not have its secret */
  async fetchAccessToken(
    who: ResolvedIdentity,
    scheme: Bearer,
    scopes: readonly Scope[],
    abortSignal: AbortSignal,
  ): Promise<CachedToken> {
    const startedAt = this.#now();
    const answer = await this.#fetch(who, scheme, scopes, abortSignal);
    if (answer.accessToken === undefined) throw this.#refusal("the token service gave no access token");
    return {
      value: answer.accessToken,
      renewAtMs: renewalTime(answer.accessToken, {
        fetchedAtMs: startedAt,
        expiresInSeconds: answer.expiresInSeconds,
        clockOffsetMs: this.#clockSkew.offsetMs,
      }),
    };
  }

  /**
   * The refresh token itself, for those who hand it on: an Entra identity's, kept or exchanged.
   *
   * @throws {ClientAuthenticationError} the identity is refused
   */
  async fetchRefreshToken(identity: EntraIdentity, service: string, abortSignal: AbortSignal): Promise<string> {
    const exchange = { realm: this.#registry, service };
    return (await this.#refreshToken({ identity }, identity, exchange, abortSignal)).value;
  }

  async #fetch(
    who: ResolvedIdentity,
    scheme: Bearer,
    scopes: readonly Scope[],
    abortSignal: AbortSignal,
  ): Promise<TokenAnswer> {
    const { identity } = who;
    const { realm } = scheme;
    const texts = scopes.map(formatScope);
    const isAcr = realm.origin === this.#registry.origin && realm.pathname === "/oauth2/token";
    const service = scheme.service ?? this.#registry.host;
    const ask = (request: TokenRequest) => this.#endpoint.fetchToken(request, refusalHint(who), abortSignal);
    this.#assertRealm(realm, identity.kind !== "anonymous");

    switch (identity.kind) {
      case "anonymous":
        // Another token service than ACR's takes a GET without credentials, which gives nothing away wherever it goes.
        return ask(
          isAcr
            ? anonymousAcrRequest(realm, service, texts)
            : plainTokenRequest(realm, scheme.service, texts, identity),
        );
      case "basic":
        return ask(plainTokenRequest(realm, scheme.service, texts, identity));
      case "refreshToken":
        return ask(refreshTokenRequest(realm, service, texts, identity.refreshToken, isAcr));
    }
    // Another token service than ACR's has no use for an Entra token, but could have one for somebody else.
    if (realm.pathname !== "/oauth2/token")
      throw this.#noEntra(`fetches its tokens from ${realm.origin}${realm.pathname}`);
    const exchange = { realm, service };
    const token = await this.#refreshToken(who, identity, exchange, abortSignal);
    try {
      return await ask(refreshTokenRequest(realm, service, texts, token.value, true));
    } catch (error) {
      if (token.isFresh || !(error instanceof ClientAuthenticationError)) throw error;
      await this.#forget(identity, service, token);
    }
    const renewed = await this.#refreshToken(who, identity, exchange, abortSignal);
    return ask(refreshTokenRequest(realm, service, texts, renewed.value, true));
  }

  #assertRealm(realm: URL, hasSecret: boolean): void {
    if (realm.protocol !== "https:" && this.#registry.protocol === "https:") {
      throw this.#refusal(`the registry asks to fetch tokens from ${realm.origin}, which is not encrypted`);
    }
    if (hasSecret && !isTrustedRealm(realm, this.#registry, this.#trustedTokenOrigins)) {
      throw this.#refusal(
        `the registry asks to fetch tokens from ${realm.origin}, which is not the registry, so no credential was sent there`,
        "If you trust that address, name it in the client's option trustedTokenOrigins.",
      );
    }
  }

  /** The refresh token of an Entra identity, exchanged once for all scopes. */
  async #refreshToken(
    who: ResolvedIdentity,
    identity: EntraIdentity,
    exchange: Exchange,
    signal: AbortSignal,
  ): Promise<RefreshToken> {
    const { service } = exchange;
    const key = refreshKey(identity, service);
    const known = this.#refreshTokens.get(key);
    if (known !== undefined && known.renewAtMs > this.#now()) return { ...known, isFresh: false };
    return this.#exchanges.run(key, signal, async (abortSignal) => {
      const entra = await this.#entraToken(identity, abortSignal);
      const owner = entraOwner(entra);
      const kept = owner && (await this.#store?.find(exchange.service, owner));
      const read = async () => {
        const found = await kept?.read(this.#now());
        return found && { ...found, isFresh: false, kept };
      };
      const renew = async () => {
        const token = { ...(await this.#exchange(who, exchange, entra, abortSignal)), isFresh: true, kept };
        await kept?.write(token.value, this.#clockSkew.offsetMs);
        return token;
      };
      // Whoever waited for another process finds what that has brought.
      const token =
        (await read()) ??
        (kept === undefined ? await renew() : await kept.inTurn(abortSignal, async () => (await read()) ?? renew()));
      this.#refreshTokens.set(key, token);
      return token;
    });
  }

  async #exchange(
    who: ResolvedIdentity,
    { realm, service }: Exchange,
    entra: string,
    abortSignal: AbortSignal,
  ): Promise<CachedToken> {
    const startedAt = this.#now();
    const request = exchangeRequest(realm, service, entra);
    const answer = await this.#endpoint.fetchToken(request, refusalHint(who), abortSignal).catch((error: unknown) => {
      const isMissing = isRegistryError(error) && (error.statusCode === 404 || error.statusCode === 405);
      throw isMissing ? this.#noEntra("has no /oauth2/exchange", error) : error;
    });
    if (answer.refreshToken === undefined) throw this.#refusal("/oauth2/exchange gave no refresh token");
    const clockOffsetMs = this.#clockSkew.offsetMs;
    const value = answer.refreshToken;
    return { value, renewAtMs: renewalTime(value, { fetchedAtMs: startedAt, clockOffsetMs }) };
  }

  #noEntra(because: string, cause?: unknown): ClientAuthenticationError {
    const hint = "Only Azure Container Registry does: check the endpoint, or pass { username, password }.";
    return this.#refusal(`the registry takes no tokens of Entra ID: it ${because}`, hint, "UNAUTHORIZED", cause);
  }

  async #forget(identity: EntraIdentity, service: string, token: RefreshToken): Promise<void> {
    const key = refreshKey(identity, service);
    // Another caller may have brought a new one meanwhile.
    if (this.#refreshTokens.get(key)?.value === token.value) this.#refreshTokens.delete(key);
    await token.kept?.remove(token.value);
  }

  async #entraToken(identity: EntraIdentity, abortSignal: AbortSignal): Promise<string> {
    // Not every credential heeds the signal.
    const answer = await orAborted(identity.getToken(abortSignal), abortSignal);
    const token: unknown = answer?.token;
    if (typeof token === "string" && isVisibleAscii(token)) return token;
    throw this.#refusal(`the credential gave no token for ${identity.audience}`, undefined, "CREDENTIAL_FAILED");
  }

  #refusal(problem: string, hint?: string, code = "UNAUTHORIZED", cause?: unknown): ClientAuthenticationError {
    return new ClientAuthenticationError(`login at ${this.#registry.host} failed: ${withHint(problem, hint)}`, {
      operation: "login",
      code,
      hint,
      cause,
    });
  }
}

function refreshKey(identity: EntraIdentity, service: string): string {
  return `${identity.key} ${service}`;
}

/** ACR refuses to exchange without a challenge, for a wrong audience as for a missing role. */
function entraRefusalHint(audience: string, from = "the credential"): string {
  return `The registry refused ${from}: check that the identity has a role on this registry, and the client's audience option (now ${audience}).`;
}

/** What to do when a token service refuses. */
function refusalHint({ identity, link }: ResolvedIdentity): string {
  const from = link === undefined ? "the credential" : `the credential of the chain's link "${link}"`;
  switch (identity.kind) {
    case "anonymous":
      return "No credential was given, and the registry does not allow anonymous pull: pass a credential as the client's second argument.";
    case "entra":
      return entraRefusalHint(identity.audience, from);
    case "basic":
      return `The registry refused ${from}: check user name and password, and that the user is enabled and has not expired.`;
    case "refreshToken":
      return `The registry refused ${from}: the refresh token has expired or was revoked; get a new one (az acr login --expose-token).`;
  }
}
