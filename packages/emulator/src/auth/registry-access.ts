import type { Principal, RoleAssignments } from "./role-assignments.ts";
import type { PermissionOptions } from "./roles.ts";
import type { ScopeMap } from "./scope-maps.ts";
import type { AdminUser, RepositoryTokenOptions, Users } from "./users.ts";

/**
 * Who may do what in a registry, to be changed while it runs. A change counts from the next access token on, and at once
 * for Basic; access tokens that are out stay as good as they are.
 */
export interface RegistryAccess {
  /** Sets what an identity of Entra ID may do here: what it was given before is gone. */
  assign(principal: Principal, permissions: PermissionOptions): void;
  /** Takes everything from an identity. */
  revoke(principal: Principal): void;
  /** The repository-scoped tokens, with their passwords, by name. */
  readonly tokens: ReadonlyMap<string, AdminUser>;
  /** Adds a repository-scoped token, or changes one; gives its name and passwords. */
  setToken(name: string, options: RepositoryTokenOptions): AdminUser;
  removeToken(name: string): void;
  /** Adds a scope map, or changes one for all tokens that have it. */
  setScopeMap(name: string, map: ScopeMap): void;
  /** Removes a scope map; a token that has it can do nothing more. */
  removeScopeMap(name: string): void;
}

export function createRegistryAccess(roles: RoleAssignments, users: Users): RegistryAccess {
  return {
    assign: (principal, permissions) => roles.assign(principal, permissions),
    revoke: (principal) => roles.revoke(principal),
    get tokens() {
      return users.tokens();
    },
    setToken: (name, options) => users.setToken(name, options),
    removeToken: (name) => users.removeToken(name),
    setScopeMap: (name, map) => users.setScopeMap(name, map),
    removeScopeMap: (name) => users.removeScopeMap(name),
  };
}
