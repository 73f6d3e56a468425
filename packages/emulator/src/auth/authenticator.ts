import { timingSafeEqual } from "node:crypto";
import type { Scope } from "@acrkit/oci";
import type { AcrTokens, Bearer } from "./acr-tokens.ts";
import { ALL_ACTIONS, EVERYTHING, scopesOf } from "./actions.ts";

/** A user name and password that may do everything. */
export interface AdminUser {
  readonly username: string;
  readonly password: string;
}

/** Means: the password is a token of the registry (2.5). */
const TOKEN_USER = "00000000-0000-0000-0000-000000000000";

/** What an `Authorization` header gives a right to. */
export type Authentication =
  | { readonly kind: "none" }
  | { readonly kind: "granted"; readonly scopes: readonly Scope[] }
  | { readonly kind: "invalid-token" }
  | { readonly kind: "wrong-password"; readonly knownUser: boolean };

/** Who a user name and password belong to. */
export type Login =
  | { readonly kind: "bearer"; readonly bearer: Bearer }
  | { readonly kind: "scopes"; readonly scopes: readonly Scope[] }
  | { readonly kind: "wrong-password"; readonly knownUser: boolean };

/** Reads credentials: bearer tokens, the admin user, tokens in the place of a password. */
export class Authenticator {
  readonly #tokens: AcrTokens;
  readonly #admin: AdminUser | undefined;

  constructor(tokens: AcrTokens, admin: AdminUser | undefined) {
    this.#tokens = tokens;
    this.#admin = admin;
  }

  async authenticate(loginServer: string, authorization: string | undefined): Promise<Authentication> {
    if (authorization === undefined || authorization.trim() === "") return { kind: "none" };
    const basic = parseBasic(authorization);
    if (basic !== undefined) {
      const login = await this.login(loginServer, basic.username, basic.password);
      if (login.kind === "bearer") return { kind: "granted", scopes: scopesOfBearer(login.bearer) };
      return login.kind === "scopes" ? { kind: "granted", scopes: login.scopes } : login;
    }
    const bearer = /^Bearer +(\S+)\s*$/i.exec(authorization)?.[1];
    if (bearer === undefined) return { kind: "invalid-token" };
    const read = await this.#tokens.readAccessToken(loginServer, bearer);
    return read.kind === "valid" ? { kind: "granted", scopes: read.value } : { kind: "invalid-token" };
  }

  async login(loginServer: string, username: string, password: string): Promise<Login> {
    if (username === TOKEN_USER) {
      const refresh = await this.#tokens.readRefreshToken(loginServer, password);
      if (refresh.kind === "valid") return { kind: "bearer", bearer: refresh.value };
      const access = await this.#tokens.readAccessToken(loginServer, password);
      if (access.kind === "valid") return { kind: "scopes", scopes: access.value };
      return { kind: "wrong-password", knownUser: true };
    }
    if (username !== this.#admin?.username) return { kind: "wrong-password", knownUser: false };
    if (!isSame(password, this.#admin.password)) return { kind: "wrong-password", knownUser: true };
    return { kind: "bearer", bearer: { subject: username, actions: ALL_ACTIONS } };
  }
}

/** A `Basic` header's user name and password; undefined for another scheme. */
export function parseBasic(authorization: string): AdminUser | undefined {
  const encoded = /^Basic +(\S*)\s*$/i.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0
    ? { username: text, password: "" }
    : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function scopesOfBearer({ actions }: Bearer): readonly Scope[] {
  return actions.length === ALL_ACTIONS.length ? EVERYTHING : scopesOf(actions);
}

function isSame(given: string, right: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
