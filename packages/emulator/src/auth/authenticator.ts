import { isCovered, type Scope } from "@acrkit/oci";
import type { AcrTokens } from "./acr-tokens.ts";
import { isPermitted, type Permissions } from "./permissions.ts";
import type { RoleAssignments } from "./role-assignments.ts";
import type { Users } from "./users.ts";

/** Means: the password is a token of the registry (2.5). */
const TOKEN_USER = "00000000-0000-0000-0000-000000000000";

/** Who authenticates, and what it may do. */
export interface Bearer {
  /** An object id of Entra ID, or a user name. */
  readonly subject: string;
  readonly permissions: Permissions;
}

/** Credentials that are no good, and in which way. */
export type Refused =
  | { readonly kind: "wrong-password"; readonly knownUser: boolean }
  /** A user name that the service itself stumbles over (2.5). */
  | { readonly kind: "unreadable-user" };

/** What an `Authorization` header gives a right to. */
export type Authentication =
  | { readonly kind: "none" }
  | { readonly kind: "granted"; reaches(wanted: Scope): boolean }
  | { readonly kind: "invalid-token" }
  | Refused;

/** Who a user name and password belong to. */
export type Login =
  | { readonly kind: "bearer"; readonly bearer: Bearer }
  | { readonly kind: "scopes"; readonly scopes: readonly Scope[] }
  | Refused;

/** Entra ID's applications, which may log in with their secret as with a password. */
export interface ServicePrincipals {
  secretLogin(clientId: string, secret: string): { readonly objectId: string } | "unknown" | "wrong";
}

/** Reads credentials: bearer tokens, users and service principals, tokens in the place of a password. */
export class Authenticator {
  readonly #tokens: AcrTokens;
  readonly #users: Users;
  readonly #roles: RoleAssignments;
  readonly #principals: ServicePrincipals;

  constructor(tokens: AcrTokens, users: Users, roles: RoleAssignments, principals: ServicePrincipals) {
    this.#tokens = tokens;
    this.#users = users;
    this.#roles = roles;
    this.#principals = principals;
  }

  async authenticate(loginServer: string, authorization: string | undefined): Promise<Authentication> {
    if (authorization === undefined || authorization.trim() === "") return { kind: "none" };
    const basic = parseBasic(authorization);
    if (basic !== undefined) {
      const login = await this.login(loginServer, basic.username, basic.password);
      if (login.kind === "scopes") return grantedScopes(login.scopes);
      if (login.kind !== "bearer") return login;
      const { permissions } = login.bearer;
      return { kind: "granted", reaches: (wanted) => isPermitted(permissions, wanted) };
    }
    const bearer = /^Bearer +(\S+)$/i.exec(authorization.trim())?.[1];
    if (bearer === undefined) return { kind: "invalid-token" };
    const read = await this.#tokens.readAccessToken(loginServer, bearer);
    return read.kind === "valid" ? grantedScopes(read.value) : { kind: "invalid-token" };
  }

  async login(loginServer: string, username: string, password: string): Promise<Login> {
    if (/[\r\n]$/.test(username)) return { kind: "unreadable-user" };
    if (username === TOKEN_USER) return this.#tokenLogin(loginServer, password);
    const login = this.#users.login(username, password);
    if (login.kind === "user") {
      return { kind: "bearer", bearer: { subject: login.name, permissions: login.permissions } };
    }
    if (login.kind === "wrong-password") return { kind: "wrong-password", knownUser: true };
    const principal = this.#principals.secretLogin(username, password);
    if (typeof principal === "string") return { kind: "wrong-password", knownUser: principal === "wrong" };
    return { kind: "bearer", bearer: this.#bearerOf(principal.objectId) };
  }

  /** Whom a refresh token belongs to, and what that may do by now; undefined for one that is not valid. */
  async readRefreshToken(loginServer: string, token: string): Promise<Bearer | undefined> {
    const refresh = await this.#tokens.readRefreshToken(loginServer, token);
    return refresh.kind === "valid" ? this.#bearerOf(refresh.value) : undefined;
  }

  async #tokenLogin(loginServer: string, token: string): Promise<Login> {
    const bearer = await this.readRefreshToken(loginServer, token);
    if (bearer !== undefined) return { kind: "bearer", bearer };
    const access = await this.#tokens.readAccessToken(loginServer, token);
    if (access.kind === "valid") return { kind: "scopes", scopes: access.value };
    return { kind: "wrong-password", knownUser: true };
  }

  #bearerOf(objectId: string): Bearer {
    return { subject: objectId, permissions: this.#roles.permissionsOf(objectId) };
  }
}

/** A `Basic` header's user name and password; undefined for another scheme. */
export function parseBasic(
  authorization: string,
): { readonly username: string; readonly password: string } | undefined {
  // Trimmed first: an expression that looks for spaces at the end takes quadratic time over many of them.
  const found = /^Basic(?: +(\S*))?$/i.exec(authorization.trim());
  if (found === null) return undefined;
  const text = Buffer.from(found[1] ?? "", "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0
    ? { username: text, password: "" }
    : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function grantedScopes(scopes: readonly Scope[]): Authentication {
  return { kind: "granted", reaches: (wanted) => isCovered(wanted, scopes) };
}
