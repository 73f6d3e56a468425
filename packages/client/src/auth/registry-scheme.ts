import type { LoginScheme } from "./challenge.ts";
import type { Identity } from "./identity.ts";
import { SingleFlight } from "./single-flight.ts";
import type { TokenEndpoint } from "./token-endpoint.ts";
import type { Bearer } from "./token-flow.ts";

/**
 * What is known of a registry before it has said anything: `acr` by its domain, `maybeAcr` for this machine, where a test's
 * registry runs, and nothing of others.
 */
export type RegistryKind = "acr" | "maybeAcr" | "other";

/** How one registry wants its callers to log in: what it has said, or what can be taken for granted until then. */
export class RegistryScheme {
  readonly #registry: URL;
  readonly #kind: RegistryKind;
  readonly #endpoint: TokenEndpoint;
  readonly #discovery = new SingleFlight<LoginScheme | undefined>();
  /** What it has said; undefined while nothing but assumptions were needed. */
  #known: LoginScheme | undefined;

  constructor(registry: URL, kind: RegistryKind, endpoint: TokenEndpoint) {
    this.#registry = registry;
    this.#kind = kind;
    this.#endpoint = endpoint;
  }

  learn(scheme: LoginScheme): void {
    this.#known = scheme;
  }

  /** What it has said turned out to be wrong: it is asked anew. */
  forget(scheme: LoginScheme): void {
    if (this.#known === scheme) this.#known = undefined;
  }

  /**
   * ACR's, where the registry is one. At an address of this machine, for a credential that is good for nothing else. Another
   * host has to say first that its tokens are its own: an Entra token would tempt it.
   */
  assumedFor({ kind }: Identity): Bearer | undefined {
    if (this.#known !== undefined) return undefined;
    const isAcr = this.#kind === "acr" || (this.#kind === "maybeAcr" && (kind === "entra" || kind === "refreshToken"));
    if (!isAcr) return undefined;
    return { kind: "bearer", realm: new URL("/oauth2/token", this.#registry), service: this.#registry.host };
  }

  /** Asks the registry, once for all; undefined when its answer tells nothing. */
  async discover(abortSignal: AbortSignal | undefined): Promise<LoginScheme | undefined> {
    if (this.#known !== undefined) return this.#known;
    const found = await this.#discovery.run("", abortSignal, (signal) => this.#endpoint.discover(signal));
    this.#known ??= found;
    return this.#known;
  }
}
