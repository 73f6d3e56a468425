import { formatScopes, type Scope } from "@acrkit/oci";
import { isRegistryError } from "../errors/registry-error.ts";
import { throwIfAborted } from "../pipeline/abort-signal.ts";
import { BoundedMap, MAX_KEPT } from "./bounded-map.ts";
import { challengedScopes, type LoginScheme, readChallenge } from "./challenge.ts";
import type { ClockSkew } from "./clock-skew.ts";
import { basicAuthorization } from "./credential.ts";
import type { CredentialSource, ResolvedIdentity } from "./credential-source.ts";
import { ANONYMOUS, type Identity } from "./identity.ts";
import { explainRefusedToken } from "./refusal-explanation.ts";
import type { RegistryScheme } from "./registry-scheme.ts";
import { SingleFlight } from "./single-flight.ts";
import { type CachedToken, TokenCache } from "./token-cache.ts";
import type { Bearer, TokenFlow } from "./token-flow.ts";

/** Why a request is sent once more; each of these once. */
type Step = "login" | "other" | "scopes" | "renewal";

/** What to try next, and as whom. */
interface Next {
  readonly step: Step;
  readonly who: ResolvedIdentity;
}

/** What goes into `Authorization`, and how it came about. */
export interface Authorization {
  readonly header: string | undefined;
  readonly who: ResolvedIdentity;
  /** What the token was asked for. */
  readonly asked: readonly Scope[];
  /** The token was at hand: it may be stale. */
  readonly fromCache: boolean;
  /** What has been tried before. */
  readonly steps: readonly Step[];
}

export interface AuthenticatorOptions {
  readonly registry: URL;
  readonly scheme: RegistryScheme;
  readonly source: CredentialSource;
  readonly flow: TokenFlow;
  readonly clockSkew: ClockSkew;
  /** Tries without a credential first where that can be enough, and logs in when it is refused. */
  readonly anonymousFirst: boolean;
  readonly now: () => number;
}

/** What ACR gives without a login, where a registry gives anything at all. */
const ANONYMOUS_ACTIONS = new Set(["pull", "metadata_read"]);

/**
 * Holds what one client knows of logging in to one registry: how the registry wants it, who logs in, and an access token for
 * each set of scopes.
 *
 * A call's scopes are predicted, so that a warm client is never challenged. How the registry wants to be asked is known
 * beforehand of ACR; another one is asked once by `GET /v2/`. Should what is assumed be refused, it is asked as well.
 */
export class Authenticator {
  readonly #registry: URL;
  readonly #scheme: RegistryScheme;
  readonly #source: CredentialSource;
  readonly #flow: TokenFlow;
  readonly #clockSkew: ClockSkew;
  readonly #anonymousFirst: boolean;
  readonly #now: () => number;
  readonly #tokens = new TokenCache();
  readonly #flights = new SingleFlight<CachedToken>();
  /** What a registry really asks for, where it is not what was predicted. */
  readonly #learned = new BoundedMap<string, readonly Scope[]>(MAX_KEPT);
  /** Scopes that were refused without a credential. */
  readonly #needsLogin = new BoundedMap<string, true>(MAX_KEPT);
  /** The token service gives nothing at all without one. */
  #everyoneNeedsLogin = false;

  constructor(options: AuthenticatorOptions) {
    this.#registry = options.registry;
    this.#scheme = options.scheme;
    this.#source = options.source;
    this.#flow = options.flow;
    this.#clockSkew = options.clockSkew;
    this.#anonymousFirst = options.anonymousFirst && !options.source.isAnonymous;
    this.#now = options.now;
  }

  /** The `Authorization` for a request that needs `scopes`. Up to three requests on a cold client, none on a warm one. */
  async authorize(scopes: readonly Scope[], abortSignal: AbortSignal | undefined): Promise<Authorization> {
    const who = await this.#resolve(scopes, abortSignal);
    try {
      return await this.#logIn(who, scopes, abortSignal);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (this.#isTry(who)) this.#everyoneNeedsLogin = true;
      const other = await this.#resolveOther(who, scopes, abortSignal);
      if (other === undefined) throw error;
      return this.#logIn(other, scopes, abortSignal);
    }
  }

  /**
   * What to send after a 401 that came in answer to `used`; undefined when another try could not end otherwise.
   *
   * Worth it, once each, are: logging in where that was not done, scopes other than those asked for, a fresh token in place
   * of one from the cache, which may have been revoked, or have become too narrow, and at last somebody else's.
   */
  async answerChallenge(
    header: string | undefined,
    scopes: readonly Scope[],
    used: Authorization,
    abortSignal: AbortSignal | undefined,
  ): Promise<Authorization | undefined> {
    const challenge = readChallenge(header, this.#registry);
    if (challenge === undefined) return undefined;
    const { scheme } = challenge;
    if (scheme.kind !== "bearer") {
      const isRefused = this.#isTry(used.who) || basicOf(used.who.identity) === used.header;
      const who = isRefused ? await this.#resolveOther(used.who, scopes, abortSignal) : used.who;
      const header = who && basicOf(who.identity);
      const step = isRefused ? "other" : "login";
      if (who === undefined || header === undefined || used.steps.includes(step)) return undefined;
      this.#scheme.learn(scheme);
      return { header, who, asked: scopes, fromCache: false, steps: [...used.steps, step] };
    }
    const wanted = challengedScopes(challenge, scopes);
    const next = nextStep(used, used.who, wanted) ?? (await this.#asOther(used, scopes, wanted, abortSignal));
    if (next === undefined) return undefined;

    this.forget(used);
    const token = await this.#token(next.who, scheme, wanted, abortSignal, next.step === "renewal");
    // Not before: one stray challenge, of whatever stands in between, would otherwise be answered for ever.
    this.#scheme.learn(scheme);
    const key = formatScopes(scopes);
    if (formatScopes(wanted) === key) this.#learned.delete(key);
    else this.#learned.set(key, wanted);
    const steps = [...used.steps, next.step];
    return { header: `Bearer ${token.value}`, who: next.who, asked: wanted, fromCache: token.fromCache, steps };
  }

  /** What was refused is not used again. */
  forget({ header }: Authorization): void {
    const token = tokenOf(header);
    if (token !== undefined) this.#tokens.delete(token);
  }

  /** Why a 401 that came in answer to `used` ends the call, and what to do; undefined where it says so itself. */
  explain(header: string | undefined, used: Authorization): string | undefined {
    const error = readChallenge(header, this.#registry)?.error;
    const clockOffsetMs = this.#clockSkew.offsetMs;
    return explainRefusedToken({ ...used, token: tokenOf(used.header), error, clockOffsetMs });
  }

  async #resolve(scopes: readonly Scope[], abortSignal: AbortSignal | undefined): Promise<ResolvedIdentity> {
    const isTried = this.#anonymousFirst && !this.#everyoneNeedsLogin && isForEveryone(scopes);
    if (isTried && this.#needsLogin.get(formatScopes(scopes)) === undefined) return { identity: ANONYMOUS };
    return this.#source.resolve(scopes, abortSignal);
  }

  /** True for a try without the credential that there is. */
  #isTry({ identity }: ResolvedIdentity): boolean {
    return this.#anonymousFirst && identity === ANONYMOUS;
  }

  /** Who else could log in after `refused` was refused: the credential after a try without, or what a function says now. */
  async #resolveOther(
    refused: ResolvedIdentity,
    scopes: readonly Scope[],
    abortSignal: AbortSignal | undefined,
  ): Promise<ResolvedIdentity | undefined> {
    if (!this.#isTry(refused)) return this.#source.resolveAgain(scopes, refused.identity, abortSignal);
    this.#needsLogin.set(formatScopes(scopes), true);
    const who = await this.#source.resolve(scopes, abortSignal);
    return who.identity === ANONYMOUS ? undefined : who;
  }

  /** As whom else a token may do: the credential after a try without, or whom a function names for what it was not asked yet. */
  async #asOther(
    used: Authorization,
    scopes: readonly Scope[],
    wanted: readonly Scope[],
    abortSignal: AbortSignal | undefined,
  ): Promise<Next | undefined> {
    if (used.steps.includes("other")) return undefined;
    const other = this.#isTry(used.who)
      ? await this.#resolveOther(used.who, scopes, abortSignal)
      : await this.#source.resolveFor(scopes, used.who.identity, abortSignal);
    return other && nextStep(used, other, wanted);
  }

  async #logIn(
    who: ResolvedIdentity,
    scopes: readonly Scope[],
    abortSignal: AbortSignal | undefined,
  ): Promise<Authorization> {
    const assumed = this.#scheme.assumedFor(who.identity);
    if (assumed === undefined) {
      // Before the first request: a stream that is uploaded cannot be sent again after a challenge. When the answer tells
      // nothing, the request goes out without a token, and its own challenge is answered.
      const found = await this.#scheme.discover(abortSignal);
      if (found === undefined) this.#scheme.learn({ kind: "none" });
      try {
        return await this.#useScheme(found ?? { kind: "none" }, who, scopes, abortSignal);
      } catch (error) {
        if (found !== undefined && isWrongPlace(error)) this.#scheme.forget(found);
        throw error;
      }
    }
    try {
      return await this.#useScheme(assumed, who, scopes, abortSignal);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const found = await this.#scheme.discover(abortSignal).catch(() => undefined);
      throwIfAborted(abortSignal);
      if (found === undefined || isSameScheme(found, assumed)) throw error;
      return this.#useScheme(found, who, scopes, abortSignal);
    }
  }

  async #useScheme(
    scheme: LoginScheme,
    who: ResolvedIdentity,
    scopes: readonly Scope[],
    abortSignal: AbortSignal | undefined,
  ): Promise<Authorization> {
    const asked = this.#learned.get(formatScopes(scopes)) ?? scopes;
    const unsigned: Authorization = { header: undefined, who, asked, fromCache: false, steps: [] };
    if (scheme.kind === "none") return unsigned;
    if (scheme.kind === "basic") return { ...unsigned, header: basicOf(who.identity) };
    const { value, fromCache } = await this.#token(who, scheme, asked, abortSignal);
    return { ...unsigned, header: `Bearer ${value}`, fromCache };
  }

  async #token(
    who: ResolvedIdentity,
    scheme: Bearer,
    scopes: readonly Scope[],
    abortSignal: AbortSignal | undefined,
    // After a refusal, one for more may be as stale; one for just this is another caller's, who was faster.
    isRenewal = false,
  ): Promise<CachedToken & { readonly fromCache: boolean }> {
    const { key } = who.identity;
    const cached = this.#tokens[isRenewal ? "getExact" : "get"](key, scopes, this.#now());
    if (cached !== undefined) return { ...cached, fromCache: true };
    return { ...(await this.#fetch(who, scheme, scopes, abortSignal)), fromCache: false };
  }

  /** One fetch for everyone who wants the same. */
  #fetch(
    who: ResolvedIdentity,
    scheme: Bearer,
    scopes: readonly Scope[],
    abortSignal: AbortSignal | undefined,
  ): Promise<CachedToken> {
    const { key } = who.identity;
    return this.#flights.run(`${key} ${formatScopes(scopes)}`, abortSignal, async (signal) => {
      const token = await this.#flow.fetchAccessToken(who, scheme, scopes, signal);
      this.#tokens.set(key, scopes, token);
      this.#source.settle(scopes, token.renewAtMs);
      return token;
    });
  }
}

function tokenOf(header: string | undefined): string | undefined {
  return header?.startsWith("Bearer ") === true ? header.slice("Bearer ".length) : undefined;
}

/** Undefined when it has been tried, or there is nothing to try. */
function nextStep(used: Authorization, who: ResolvedIdentity, wanted: readonly Scope[]): Next | undefined {
  const step = stepFor(used, who, wanted);
  return step === undefined || used.steps.includes(step) ? undefined : { step, who };
}

function stepFor(used: Authorization, who: ResolvedIdentity, wanted: readonly Scope[]): Step | undefined {
  if (who.identity.key !== used.who.identity.key) return "other";
  if (tokenOf(used.header) === undefined) return "login";
  if (formatScopes(wanted) !== formatScopes(used.asked)) return "scopes";
  return used.fromCache ? "renewal" : undefined;
}

function basicOf(identity: Identity): string | undefined {
  return identity.kind === "basic" ? basicAuthorization(identity) : undefined;
}

function isForEveryone(scopes: readonly Scope[]): boolean {
  return scopes.every(({ type, actions }) => type === "registry" || actions.every((a) => ANONYMOUS_ACTIONS.has(a)));
}

function isSameScheme(found: LoginScheme, assumed: Bearer): boolean {
  return found.kind === "bearer" && found.realm.href === assumed.realm.href && found.service === assumed.service;
}

/** The token service has said no, or is none. */
function isRefusal(error: unknown): boolean {
  if (!isRegistryError(error)) return false;
  const { statusCode = 0, code } = error;
  return code === "UNAUTHORIZED" || code === "INVALID_TOKEN_ANSWER" || (statusCode >= 400 && statusCode < 429);
}

/** It is no token service, or none that may have the credential; one that refuses the credential is. */
function isWrongPlace(error: unknown): boolean {
  return isRefusal(error) && isRegistryError(error) && ![400, 401, 403].includes(error.statusCode ?? 0);
}
