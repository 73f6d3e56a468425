import type { Permissions } from "./permissions.ts";
import { type PermissionOptions, permissionsOf, type RoleAssignmentMode } from "./roles.ts";

/** Whom a role is given to: an object id of Entra ID, or what has one. */
export type Principal = string | { readonly objectId: string };

/** Who may do what in one registry. Asked anew for every token, so that a change counts from the next token on. */
export class RoleAssignments {
  readonly mode: RoleAssignmentMode;
  readonly #permissions = new Map<string, Permissions>();

  constructor(mode: RoleAssignmentMode) {
    this.mode = mode;
  }

  /** Sets what a principal may do; what it was given before is gone. */
  assign(principal: Principal, options: PermissionOptions): void {
    this.#permissions.set(objectIdOf(principal), permissionsOf(options, this.mode));
  }

  /** Takes everything from a principal. */
  revoke(principal: Principal): void {
    this.#permissions.delete(objectIdOf(principal));
  }

  /** Empty for one that nothing was given to. */
  permissionsOf(objectId: string): Permissions {
    return this.#permissions.get(objectId) ?? [];
  }
}

function objectIdOf(principal: Principal): string {
  return typeof principal === "string" ? principal : principal.objectId;
}
