import { InvalidInputError } from "@acrkit/oci";
import { type AccessToken, type GetTokenOptions, isTokenCredential, type TokenCredential } from "@azure/core-auth";
import { ClientAuthenticationError } from "../errors/registry-error.ts";
import { logger } from "../logger.ts";
import { toAbortSignal } from "../pipeline/abort-signal.ts";
import {
  type CredentialFunction,
  type CredentialRequest,
  isRegistryCredential,
  type RegistryCredential,
} from "./credential.ts";
import { SingleFlight } from "./single-flight.ts";

/** One place where a credential may come from. Its name is for errors and logs. */
export interface CredentialLink {
  readonly name: string;
  readonly credential: RegistryCredential | CredentialFunction;
}

export interface CredentialChainOptions {
  /**
   * What to do when no link has anything: `"anonymous"` goes on without a credential, as docker does.
   *
   * @defaultValue to fail, with what each link said
   */
  readonly otherwise?: "anonymous";
}

/** The credential that a chain found, and whose it is. */
export interface ChainAnswer {
  readonly link: string;
  readonly credential: RegistryCredential;
}

/**
 * Several places where a credential may come from, asked in order until one has something.
 *
 * A link passes on when it has nothing: a function that gives undefined, or an Entra credential that is not available here
 * (`CredentialUnavailableError` of `@azure/identity`). One that has something and fails ends the chain: going on could log in
 * as somebody else than the caller thinks. Errors name the link, and so does the log at level info.
 *
 * @example
 * ```ts
 * import { ContainerRegistryClient, CredentialChain } from "@acrkit/client";
 * import { DefaultAzureCredential } from "@azure/identity";
 * const { REGISTRY_USER: username, REGISTRY_PASSWORD: password } = process.env;
 * const chain = new CredentialChain([
 *   { name: "environment", credential: () => (username && password ? { username, password } : undefined) },
 *   { name: "Entra ID", credential: new DefaultAzureCredential() },
 * ]);
 * const client = new ContainerRegistryClient("https://myregistry.azurecr.io", chain);
 * ```
 */
export class CredentialChain {
  readonly #links: readonly Link[];
  readonly #otherwise: "anonymous" | undefined;

  /** @throws {InvalidInputError} no link, one without a name, or one whose credential is none */
  constructor(links: readonly CredentialLink[], options: CredentialChainOptions = {}) {
    if (!Array.isArray(links) || links.length === 0) {
      throw new InvalidInputError("links", links, "expected at least one { name, credential }");
    }
    this.#links = links.map(toLink);
    this.#otherwise = options.otherwise;
  }

  /** The links' names, in the order in which they are asked. */
  get names(): readonly string[] {
    return this.#links.map(({ name }) => name);
  }

  /**
   * Asks the links: gives the credential of the first that has one, and its name. Undefined stands for anonymous, where that
   * was asked for. The client calls this; call it yourself to see which link answers.
   *
   * @throws {ClientAuthenticationError} a link failed, or none has anything
   */
  async resolve(request: CredentialRequest): Promise<ChainAnswer | undefined> {
    const problems: { readonly link: string; readonly error: unknown }[] = [];
    for (const { name, ask } of this.#links) {
      let credential: RegistryCredential | undefined;
      try {
        credential = await ask(request);
      } catch (error) {
        // A link may give up by itself, with the same kind of error.
        if (request.abortSignal?.aborted === true) throw error;
        if (!isUnavailable(error)) throw failed(request, name, error);
        problems.push({ link: name, error });
        continue;
      }
      if (credential !== undefined) {
        logger.info(`The credential for ${request.registry} comes from the chain's link "${name}".`);
        return { link: name, credential };
      }
      problems.push({ link: name, error: new Error("it has nothing for this registry") });
    }
    if (this.#otherwise === "anonymous") return undefined;
    throw exhausted(request, problems);
  }
}

interface Link {
  readonly name: string;
  readonly ask: CredentialFunction;
}

function toLink({ name, credential }: CredentialLink): Link {
  if (typeof name !== "string" || name === "") throw new InvalidInputError("link", name, "expected a name");
  if (typeof credential === "function") return { name, ask: credential };
  if (typeof credential !== "object" || credential === null || !isRegistryCredential(credential)) {
    throw new InvalidInputError("link", name, "its credential is neither a credential nor a function");
  }
  if (!isTokenCredential(credential)) return { name, ask: () => credential };
  const tried = new TriedCredential(credential);
  return { name, ask: (request) => tried.try(request) };
}

/** Longer than the rest of a login takes. */
const MIN_LIFE_MS = 5 * 60_000;

/**
 * An Entra credential that tells whether it is available only by being asked for a token. That token is kept for the login
 * that follows, and had once for all repositories that ask at the same time: some credentials start a process for each.
 */
class TriedCredential implements TokenCredential {
  readonly #credential: TokenCredential;
  readonly #flights = new SingleFlight<AccessToken | null>();
  #token: { readonly scopes: string; readonly value: AccessToken } | undefined;

  constructor(credential: TokenCredential) {
    this.#credential = credential;
  }

  async try({ audience, abortSignal }: CredentialRequest): Promise<RegistryCredential> {
    await this.getToken(`${audience}/.default`, abortSignal === undefined ? {} : { abortSignal });
    return this;
  }

  async getToken(scopes: string | string[], options: GetTokenOptions = {}): Promise<AccessToken | null> {
    const { abortSignal, ...others } = options;
    // For another tenant, or with other claims: none that is kept.
    if (Object.keys(others).length > 0) return this.#credential.getToken(scopes, options);
    const key = String(scopes);
    const kept = this.#token;
    if (kept?.scopes === key && kept.value.expiresOnTimestamp - Date.now() > MIN_LIFE_MS) return kept.value;
    return this.#flights.run(key, toAbortSignal(abortSignal), async (signal) => {
      const value = await this.#credential.getToken(scopes, { abortSignal: signal });
      this.#token = value === null ? undefined : { scopes: key, value };
      return value;
    });
  }
}

/**
 * By name: `@azure/identity` is not installed with this package. Its own chains collect what their links said, and pass on
 * `AuthenticationRequiredError` as well; but that is what it makes of a wrong secret too (AADSTS7000215), in version 4.14.
 */
function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === "CredentialUnavailableError") return true;
  const { errors } = error as { errors?: unknown };
  return (
    error.name === "AggregateAuthenticationError" &&
    Array.isArray(errors) &&
    errors.length > 0 &&
    errors.every(isUnavailable)
  );
}

function failed({ registry }: CredentialRequest, link: string, error: unknown): ClientAuthenticationError {
  return new ClientAuthenticationError(
    `login at ${registry} failed: the chain's link "${link}" has a credential, but it failed: ${messageOf(error)}`,
    { operation: "login", code: "CREDENTIAL_FAILED", cause: error },
  );
}

function exhausted(
  { registry }: CredentialRequest,
  problems: readonly { readonly link: string; readonly error: unknown }[],
): ClientAuthenticationError {
  const said = problems.map(({ link, error }) => `${link}: ${messageOf(error)}`).join("; ");
  const hint = 'Log in at one of them, or end the chain with { otherwise: "anonymous" }.';
  return new ClientAuthenticationError(
    `login at ${registry} failed: no link of the credential chain has a credential (${said}). ${hint}`,
    {
      operation: "login",
      code: "CREDENTIAL_UNAVAILABLE",
      hint,
      cause: new AggregateError(
        problems.map(({ error }) => error),
        "no link has a credential",
      ),
    },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "no reason was given";
}
