import { formatScope, formatScopes, parseScopes, type Scope } from "@acrkit/oci";
import type { TokenCredential } from "@azure/core-auth";
import { withHint } from "../errors/describe.ts";
import { ClientAuthenticationError } from "../errors/registry-error.ts";
import { type LoginChallenge, type LoginScheme, readChallenge } from "./challenge.ts";
import { basicAuthorization, type Identity } from "./credential.ts";
import { isTrustedRealm } from "./realm.ts";
import { SingleFlight } from "./single-flight.ts";
import { type CachedToken, renewalTime, TokenCache } from "./token-cache.ts";
import type { TokenEndpoint } from "./token-endpoint.ts";
import {
  anonymousAcrRequest,
  exchangeRequest,
  plainTokenRequest,
  refreshTokenRequest,
  type TokenRequest,
} from "./token-requests.ts";

type Bearer = Extract<LoginScheme, { kind: "bearer" }>;

/** As many as tokens are kept: a client that walks a large registry would otherwise remember each of its repositories. */
const MAX_LEARNED_SCOPES = 1_000;

/** What goes into `Authorization`, and whether it may be stale. */
export interface Authorization {
  readonly header: string | undefined;
  readonly fromCache: boolean;
}

export interface AuthenticatorOptions {
  readonly registry: URL;
  readonly identity: Identity;
  readonly endpoint: TokenEndpoint;
  readonly trustedTokenOrigins: readonly string[];
  readonly now: () => number;
}

/**
 * Holds what one client knows of logging in to one registry: how the registry wants it, the ACR refresh token, and an access
 * token for each scope.
 *
 * The flow with Entra ID, each step only when its result is not at hand:
 * 1. `GET /v2/` without a token: the challenge names the realm and the service.
 * 2. The credential gives an Entra token for the audience.
 * 3. `POST /oauth2/exchange`: Entra token in, refresh token out (195 minutes).
 * 4. `POST /oauth2/token`: refresh token and scope in, access token out (75 minutes).
 * 5. The request carries the access token. Its scope was predicted, so that a warm client is never challenged.
 */
export class Authenticator {
  readonly #registry: URL;
  readonly #identity: Identity;
  readonly #endpoint: TokenEndpoint;
  readonly #trustedTokenOrigins: readonly string[];
  readonly #now: () => number;
  readonly #tokens = new TokenCache();
  readonly #flights = new SingleFlight<CachedToken>();
  readonly #discovery = new SingleFlight<LoginScheme | undefined>();
  #scheme: LoginScheme | undefined;
  /** What a registry really asks for, where it is not what was predicted. */
  readonly #learned = new Map<string, readonly Scope[]>();

  constructor(options: AuthenticatorOptions) {
    this.#registry = options.registry;
    this.#identity = options.identity;
    this.#endpoint = options.endpoint;
    this.#trustedTokenOrigins = options.trustedTokenOrigins;
    this.#now = options.now;
  }

  /** The `Authorization` for a request that needs `scopes`. Up to four requests on a cold client, none on a warm one. */
  async authorize(scopes: readonly Scope[], abortSignal: AbortSignal | undefined): Promise<Authorization> {
    const scheme = this.#scheme ?? (await this.#discover(abortSignal));
    if (scheme.kind === "none") return { header: undefined, fromCache: false };
    if (scheme.kind === "basic") return { header: this.#basic(), fromCache: false };
    return this.#bearer(scheme, this.#learned.get(formatScopes(scopes)) ?? scopes, abortSignal);
  }

  /**
   * What to send after a 401 that came in answer to `used`; undefined when another try could not end otherwise.
   *
   * Worth it are: a scheme not known before, scopes other than predicted, and a fresh token in place of one from the cache.
   */
  async answerChallenge(
    header: string | undefined,
    scopes: readonly Scope[],
    used: Authorization,
    abortSignal: AbortSignal | undefined,
  ): Promise<Authorization | undefined> {
    const challenge = readChallenge(header, this.#registry);
    if (challenge === undefined) return undefined;
    if (challenge.scheme.kind === "basic") {
      this.#scheme = challenge.scheme;
      const basic = this.#basic();
      return basic === undefined || basic === used.header ? undefined : { header: basic, fromCache: false };
    }
    const key = formatScopes(scopes);
    const wanted = challengedScopes(challenge, scopes);
    const asked = formatScopes(this.#learned.get(key) ?? scopes);
    const isNews = used.header?.startsWith("Bearer ") !== true || formatScopes(wanted) !== asked;
    if (!isNews && !used.fromCache) return undefined;

    this.#scheme = challenge.scheme;
    if (formatScopes(wanted) !== key) this.#learn(key, wanted);
    this.#tokens.delete(formatScopes(wanted));
    return this.#bearer(challenge.scheme as Bearer, wanted, abortSignal);
  }

  /**
   * Asks once, before the first request: a stream that is uploaded cannot be sent again after a challenge. When the answer
   * tells nothing, the request goes out without a token, and its own challenge is answered.
   */
  async #discover(abortSignal: AbortSignal | undefined): Promise<LoginScheme> {
    const found = await this.#discovery.run("", abortSignal, (signal) => this.#endpoint.discover(signal));
    this.#scheme ??= found ?? { kind: "none" };
    return this.#scheme;
  }

  #learn(key: string, scopes: readonly Scope[]): void {
    this.#learned.set(key, scopes);
    const oldest = this.#learned.keys().next().value;
    if (this.#learned.size > MAX_LEARNED_SCOPES && oldest !== undefined) this.#learned.delete(oldest);
  }

  #basic(): string | undefined {
    return this.#identity.kind === "basic" ? basicAuthorization(this.#identity) : undefined;
  }

  async #bearer(
    scheme: Bearer,
    scopes: readonly Scope[],
    abortSignal: AbortSignal | undefined,
  ): Promise<Authorization> {
    const key = formatScopes(scopes);
    const cached = this.#tokens.get(key, this.#now());
    if (cached !== undefined) return { header: `Bearer ${cached.value}`, fromCache: true };
    const token = await this.#flights.run(`access ${key}`, abortSignal, async (signal) => {
      const fetched = await this.#fetchAccessToken(scheme, scopes, signal);
      this.#tokens.set(key, fetched);
      return fetched;
    });
    return { header: `Bearer ${token.value}`, fromCache: false };
  }

  async #fetchAccessToken(scheme: Bearer, scopes: readonly Scope[], signal: AbortSignal): Promise<CachedToken> {
    const texts = scopes.map(formatScope);
    const startedAt = this.#now();
    const answer = await this.#withFreshRefreshToken(scheme, async () =>
      this.#endpoint.fetchToken(await this.#accessRequest(scheme, texts, signal), signal),
    );
    if (answer.accessToken === undefined) throw this.#refusal("the token service gave no access token");
    return {
      value: answer.accessToken,
      renewAtMs: renewalTime(answer.accessToken, startedAt, answer.expiresInSeconds),
    };
  }

  /** A refresh token from the cache may have been revoked since: one more try with a new one. */
  async #withFreshRefreshToken<T>(scheme: Bearer, fetch: () => Promise<T>): Promise<T> {
    const key = refreshKey(scheme, this.#registry);
    const hadOne = this.#tokens.get(key, this.#now()) !== undefined;
    try {
      return await fetch();
    } catch (error) {
      if (!hadOne || !(error instanceof ClientAuthenticationError)) throw error;
      this.#tokens.delete(key);
      return fetch();
    }
  }

  async #accessRequest(scheme: Bearer, scopes: readonly string[], signal: AbortSignal): Promise<TokenRequest> {
    const { realm, service } = scheme;
    const identity = this.#identity;
    const own = realm.origin === this.#registry.origin;
    if (realm.protocol !== "https:" && this.#registry.protocol === "https:") {
      throw this.#refusal(`the registry asks to fetch tokens from ${realm.origin}, which is not encrypted`);
    }
    if (identity.kind === "anonymous") {
      // ACR's token service; any other takes a GET without credentials, which gives nothing away wherever it goes.
      const isAcr = own && realm.pathname === "/oauth2/token";
      return isAcr
        ? anonymousAcrRequest(realm, service ?? this.#registry.host, scopes)
        : plainTokenRequest(realm, service, scopes, identity);
    }
    if (!isTrustedRealm(realm, this.#registry, this.#trustedTokenOrigins)) {
      throw this.#refusal(
        `the registry asks to fetch tokens from ${realm.origin}, which is not the registry, so no credential was sent there`,
        "If you trust that address, name it in the client's option trustedTokenOrigins.",
      );
    }
    if (identity.kind === "basic") return plainTokenRequest(realm, service, scopes, identity);
    const refreshToken =
      identity.kind === "refreshToken"
        ? identity.refreshToken
        : (await this.#refreshToken(scheme, identity, signal)).value;
    return refreshTokenRequest(realm, service ?? this.#registry.host, scopes, refreshToken);
  }

  /** The ACR refresh token of an Entra identity, exchanged once for all scopes. */
  #refreshToken(
    scheme: Bearer,
    identity: { readonly credential: TokenCredential; readonly audience: string },
    signal: AbortSignal,
  ): Promise<CachedToken> {
    const key = refreshKey(scheme, this.#registry);
    const cached = this.#tokens.get(key, this.#now());
    if (cached !== undefined) return Promise.resolve(cached);
    return this.#flights.run(key, signal, async (abortSignal) => {
      const startedAt = this.#now();
      const entra = await this.#entraToken(identity, abortSignal);
      const answer = await this.#endpoint.fetchToken(
        exchangeRequest(this.#registry, scheme.service ?? this.#registry.host, entra),
        abortSignal,
      );
      if (answer.refreshToken === undefined) throw this.#refusal("/oauth2/exchange gave no refresh token");
      const token = { value: answer.refreshToken, renewAtMs: renewalTime(answer.refreshToken, startedAt) };
      this.#tokens.set(key, token);
      return token;
    });
  }

  async #entraToken(
    { credential, audience }: { readonly credential: TokenCredential; readonly audience: string },
    abortSignal: AbortSignal,
  ): Promise<string> {
    const token = await credential.getToken(`${audience}/.default`, { abortSignal });
    if (token?.token) return token.token;
    throw this.#refusal(`the credential gave no token for ${audience}`);
  }

  #refusal(problem: string, hint?: string): ClientAuthenticationError {
    return new ClientAuthenticationError(`login at ${this.#registry.host} failed: ${withHint(problem, hint)}`, {
      operation: "login",
      code: "UNAUTHORIZED",
      hint,
    });
  }
}

function refreshKey(scheme: Bearer, registry: URL): string {
  return `refresh ${scheme.service ?? registry.host}`;
}

/** The challenge's scopes; those predicted when it names none, or something that is no scope. */
function challengedScopes(challenge: LoginChallenge, predicted: readonly Scope[]): readonly Scope[] {
  if (challenge.scope === undefined || challenge.scope === "") return predicted;
  try {
    return parseScopes(challenge.scope);
  } catch {
    return predicted;
  }
}
