import { EVERYTHING, type Permissions } from "./permissions.ts";
import { BUILT_IN_SCOPE_MAPS, type ScopeMap, scopeMapPermissions } from "./scope-maps.ts";
import { SecretText } from "./secret-text.ts";

/** A user name, and one or two passwords that are equally good, so that one can be replaced while the other is in use. */
export interface AdminUser {
  readonly username: string;
  readonly password: string;
  readonly password2?: string;
}

/** A repository-scoped token: a user that may do what its scope map says. */
export interface RepositoryTokenOptions {
  /** The name of a scope map, one of the registry's or built in (`_repositories_pull`), or the map itself. */
  readonly scopeMap: string | ScopeMap;
  /** By default a generated one, the same as long as the data folder is kept. */
  readonly password?: string;
  readonly password2?: string;
  /** @default true */
  readonly enabled?: boolean;
  /** When the passwords end, by the emulator's clock. By default never. */
  readonly expiresOn?: Date;
}

/** What a user name and password turned out to be. */
export type UserLogin =
  | { readonly kind: "user"; readonly name: string; readonly permissions: Permissions }
  | { readonly kind: "wrong-password" }
  | { readonly kind: "unknown-user" };

interface User {
  readonly credentials: AdminUser;
  readonly name: SecretText;
  readonly passwords: readonly SecretText[];
  /** What the user may do; undefined while it may not log in. */
  permissions(): Permissions | undefined;
}

/** The users of one registry that Entra ID knows nothing of: the admin user, and repository-scoped tokens. */
export class Users {
  readonly #tokens = new Map<string, User>();
  readonly #scopeMaps = new Map<string, ScopeMap>(Object.entries(BUILT_IN_SCOPE_MAPS));
  readonly #admin: User | undefined;
  readonly #makePassword: (purpose: string) => string;
  readonly #now: () => number;

  /** `makePassword` gives the same password for the same purpose at every start. */
  constructor(options: {
    readonly admin: AdminUser | undefined;
    readonly makePassword: (purpose: string) => string;
    readonly now: () => number;
  }) {
    this.#admin = options.admin === undefined ? undefined : userOf(options.admin, () => EVERYTHING);
    this.#makePassword = options.makePassword;
    this.#now = options.now;
  }

  /** Every user is compared with, so that the time tells nothing of who there is. */
  login(username: string, password: string): UserLogin {
    const [name, guess] = [new SecretText(username), new SecretText(password)];
    let found: User | undefined;
    for (const user of this.#all()) if (user.name.equals(name)) found = user;
    if (found === undefined) return { kind: "unknown-user" };
    const isRight = found.passwords.map((right) => right.equals(guess)).includes(true);
    const permissions = found.permissions();
    if (!isRight || permissions === undefined) return { kind: "wrong-password" };
    return { kind: "user", name: found.credentials.username, permissions };
  }

  /** The repository tokens, by name. */
  tokens(): ReadonlyMap<string, AdminUser> {
    return new Map([...this.#tokens].map(([name, { credentials }]) => [name, credentials]));
  }

  /** Adds a repository token, or changes one. @throws {TypeError} a name, password or scope map that cannot be */
  setToken(name: string, options: RepositoryTokenOptions): AdminUser {
    // A colon ends the name in a Basic header.
    if (!/^[A-Za-z0-9][\w.-]*$/.test(name)) throw new TypeError(`tokens: ${JSON.stringify(name)} is no name`);
    if (name === this.#admin?.credentials.username) {
      throw new TypeError(`tokens: ${JSON.stringify(name)} is the name of the admin user`);
    }
    // Found now or refused now; looked up again at every login, as the map may change.
    const { scopeMap } = options;
    this.#permissions(scopeMap);
    const { enabled = true, expiresOn } = options;
    const credentials = {
      username: name,
      password: options.password ?? this.#makePassword(`token:${name}:1`),
      password2: options.password2 ?? this.#makePassword(`token:${name}:2`),
    };
    const isUsable = () => enabled && (expiresOn === undefined || this.#now() < expiresOn.getTime());
    const user = userOf(credentials, () => (isUsable() ? this.#permissionsNow(scopeMap) : undefined));
    this.#tokens.set(name, user);
    return credentials;
  }

  removeToken(name: string): void {
    this.#tokens.delete(name);
  }

  /** Adds a scope map, or changes one for all tokens that have it. @throws {TypeError} an action or pattern that is none */
  setScopeMap(name: string, map: ScopeMap): void {
    scopeMapPermissions(map);
    this.#scopeMaps.set(name, map);
  }

  removeScopeMap(name: string): void {
    this.#scopeMaps.delete(name);
  }

  #all(): readonly User[] {
    return this.#admin === undefined ? [...this.#tokens.values()] : [this.#admin, ...this.#tokens.values()];
  }

  /** A map that has been removed since gives nothing. */
  #permissionsNow(scopeMap: string | ScopeMap): Permissions {
    return typeof scopeMap === "string" && !this.#scopeMaps.has(scopeMap) ? [] : this.#permissions(scopeMap);
  }

  #permissions(scopeMap: string | ScopeMap): Permissions {
    if (typeof scopeMap !== "string") return scopeMapPermissions(scopeMap);
    const map = this.#scopeMaps.get(scopeMap);
    if (map === undefined) {
      throw new TypeError(
        `there is no scope map ${JSON.stringify(scopeMap)}; there are: ${[...this.#scopeMaps.keys()].join(", ")}`,
      );
    }
    return scopeMapPermissions(map, scopeMap);
  }
}

function userOf(credentials: AdminUser, permissions: () => Permissions | undefined): User {
  const { username, password, password2 } = credentials;
  const passwords = password2 === undefined ? [password] : [password, password2];
  if (username === "" || passwords.includes(""))
    throw new TypeError("users have a name, and passwords that are not empty");
  return {
    credentials,
    name: new SecretText(username),
    passwords: passwords.map((text) => new SecretText(text)),
    permissions,
  };
}
