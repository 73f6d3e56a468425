import { formatScope, formatScopes, type Scope } from "@acrkit/oci";
import { BoundedMap, MAX_KEPT } from "./bounded-map.ts";
import type { CredentialFunction, CredentialRequest, RegistryCredential } from "./credential.ts";
import { CredentialChain } from "./credential-chain.ts";
import { Identities, type Identity } from "./identity.ts";
import { SingleFlight } from "./single-flight.ts";

/** Everything that the client takes for a credential. */
export type ClientCredential = RegistryCredential | CredentialFunction | CredentialChain | undefined;

/** Who logs in, and which link of a chain said so. */
export interface ResolvedIdentity {
  readonly identity: Identity;
  readonly link?: string | undefined;
}

interface Answer extends ResolvedIdentity {
  /** What was asked about; it is used for everything that is done with the same repositories. */
  readonly askedFor: string;
  untilMs: number;
  /** The first token has been had with it, and said until when it holds. */
  isSettled: boolean;
}

/** At a registry without tokens, nothing else says when a password may have changed. */
const UNSETTLED_MS = 5 * 60_000;

/** True for a function or a chain, which are asked when a credential is needed. */
export function isAsked(value: unknown): value is CredentialFunction | CredentialChain {
  return typeof value === "function" || value instanceof CredentialChain;
}

export interface CredentialSourceOptions {
  readonly credential: ClientCredential;
  /** Host and port. */
  readonly registry: string;
  readonly audience: string;
  readonly now: () => number;
}

/** Says who logs in: always the same, or whoever the caller's function or chain names for a set of repositories. */
export class CredentialSource {
  readonly #registry: string;
  readonly #audience: string;
  readonly #now: () => number;
  readonly #fixed: ResolvedIdentity | undefined;
  readonly #ask: (request: CredentialRequest) => Promise<ResolvedIdentity>;
  readonly #answers = new BoundedMap<string, Answer>(MAX_KEPT);
  readonly #flights = new SingleFlight<Answer>();

  /** @throws {InvalidInputError} the credential is none; it is not shown */
  constructor({ credential, registry, audience, now }: CredentialSourceOptions) {
    this.#registry = registry;
    this.#audience = audience;
    this.#now = now;
    const identities = new Identities(audience);
    const fixed = isAsked(credential) ? undefined : { identity: identities.of(credential) };
    this.#fixed = fixed;
    this.#ask = async (request) => {
      if (!isAsked(credential)) return fixed as ResolvedIdentity;
      if (credential instanceof CredentialChain) {
        const found = await credential.resolve(request);
        const what = `answer of the credential chain's link "${found?.link}"`;
        return { identity: identities.of(found?.credential, what), link: found?.link };
      }
      return { identity: identities.of(await credential(request), "answer of the credential function") };
    };
  }

  /** True when there is no credential, and never will be. */
  get isAnonymous(): boolean {
    return this.#fixed?.identity.kind === "anonymous";
  }

  async resolve(scopes: readonly Scope[], abortSignal: AbortSignal | undefined): Promise<ResolvedIdentity> {
    if (this.#fixed !== undefined) return this.#fixed;
    const key = keyOf(scopes);
    const known = this.#answers.get(key);
    if (known !== undefined && known.untilMs > this.#now()) return known;
    return this.#flights.run(key, abortSignal, (signal) => this.#askFor(key, scopes, signal));
  }

  /** A token was had with the answer for these scopes, and holds until then: so does the answer, if it is the first. */
  settle(scopes: readonly Scope[], untilMs: number): void {
    const answer = this.#answers.get(keyOf(scopes));
    if (answer === undefined || answer.isSettled) return;
    answer.untilMs = untilMs;
    answer.isSettled = true;
  }

  /** What is said now, after `refused` was refused; undefined when that could only be the same. */
  async resolveAgain(
    scopes: readonly Scope[],
    refused: Identity,
    abortSignal: AbortSignal | undefined,
  ): Promise<ResolvedIdentity | undefined> {
    if (this.#fixed !== undefined) return undefined;
    const key = keyOf(scopes);
    if (this.#answers.get(key)?.identity.key === refused.key) this.#answers.delete(key);
    const answer = await this.resolve(scopes, abortSignal);
    return answer.identity.key === refused.key ? undefined : answer;
  }

  /** What is said of these very scopes, which were refused to `refused`; undefined when it has been said already. */
  async resolveFor(
    scopes: readonly Scope[],
    refused: Identity,
    abortSignal: AbortSignal | undefined,
  ): Promise<ResolvedIdentity | undefined> {
    if (this.#answers.get(keyOf(scopes))?.askedFor === formatScopes(scopes)) return undefined;
    return this.resolveAgain(scopes, refused, abortSignal);
  }

  async #askFor(key: string, scopes: readonly Scope[], abortSignal: AbortSignal): Promise<Answer> {
    const resolved = await this.#ask({
      registry: this.#registry,
      repositories: repositoriesOf(scopes),
      scopes: scopes.map(formatScope),
      audience: this.#audience,
      abortSignal,
    });
    const askedFor = formatScopes(scopes);
    const answer: Answer = { ...resolved, askedFor, untilMs: this.#now() + UNSETTLED_MS, isSettled: false };
    this.#answers.set(key, answer);
    return answer;
  }
}

function keyOf(scopes: readonly Scope[]): string {
  return repositoriesOf(scopes).join(" ");
}

function repositoriesOf(scopes: readonly Scope[]): readonly string[] {
  return [...new Set(scopes.filter(({ type }) => type === "repository").map(({ name }) => name))].sort();
}
