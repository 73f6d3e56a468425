import { randomUUID } from "node:crypto";
import type { Bearer } from "./acr-tokens.ts";
import { type Action, ALL_ACTIONS } from "./actions.ts";
import type { Jwts } from "./jwt.ts";

/** Structurally an Azure SDK `TokenCredential`. */
export interface EmulatorCredential {
  /** The token's audience is taken from the (first) scope: `https://containerregistry.azure.net/.default`. */
  getToken(
    scopes: string | readonly string[],
    options?: unknown,
  ): Promise<{ token: string; expiresOnTimestamp: number }>;
}

/** What a registry exchanges tokens for (2.7): its own audience, and that of ARM in each cloud. */
const AUDIENCES = new Set([
  "https://containerregistry.azure.net",
  "https://management.azure.com",
  "https://management.core.windows.net",
  "https://management.chinacloudapi.cn",
  "https://management.core.chinacloudapi.cn",
  "https://management.usgovcloudapi.net",
  "https://management.core.usgovcloudapi.net",
  "https://management.microsoftazure.de",
]);

/** Entra's access tokens live between 60 and 90 minutes. */
const LIFE_SECONDS = 75 * 60;

/** Stands in for Entra ID: gives tokens to identities it makes up, and knows them again. */
export class Entra {
  readonly #jwts: Jwts;
  readonly #tenant = randomUUID();
  readonly #identities = new Map<string, readonly Action[]>();

  constructor(jwts: Jwts) {
    this.#jwts = jwts;
  }

  /** A credential of a new identity, which may do `actions` in this registry; by default everything. */
  credential(actions: readonly Action[] = ALL_ACTIONS): EmulatorCredential {
    const oid = randomUUID();
    this.#identities.set(oid, [...actions]);
    return {
      getToken: async (scopes) => {
        const [scope = ""] = typeof scopes === "string" ? [scopes] : scopes;
        const now = this.#jwts.nowSeconds();
        const exp = now + LIFE_SECONDS;
        const token = await this.#jwts.sign({
          aud: scope.replace(/\/\.default$/, ""),
          iss: `https://sts.windows.net/${this.#tenant}/`,
          iat: now,
          nbf: now,
          exp,
          appid: oid,
          oid,
          sub: oid,
          tid: this.#tenant,
          ver: "1.0",
        });
        return { token, expiresOnTimestamp: exp * 1000 };
      },
    };
  }

  /** Who sent this token; undefined when it is not from here, out of date, for another audience or without permission. */
  async identify(token: string): Promise<Bearer | undefined> {
    const verified = await this.#jwts.verify(token);
    if (verified.kind !== "valid") return undefined;
    const { aud, oid } = verified.claims;
    if (typeof aud !== "string" || typeof oid !== "string") return undefined;
    // `https://management.core.windows.net//.default` asks for an audience with a slash at its end.
    if (!AUDIENCES.has(aud.replace(/\/$/, ""))) return undefined;
    const actions = this.#identities.get(oid);
    return actions === undefined || actions.length === 0 ? undefined : { subject: oid, actions };
  }
}
