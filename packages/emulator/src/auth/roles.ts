import type { Action } from "./actions.ts";
import { assertPattern, EVERYTHING, type Grant, type Permissions } from "./permissions.ts";

/**
 * What a registry makes of role assignments, in the words of `az acr create --role-assignment-mode`: `rbac` knows roles
 * for the whole registry, `rbac-abac` those that conditions can narrow down to repositories.
 */
export type RoleAssignmentMode = "rbac" | "rbac-abac";

interface Role {
  /** The only mode in which the role has a say over content; in the other one it gives nothing. */
  readonly mode: RoleAssignmentMode;
  readonly actions: readonly Action[];
  /** Whether an assignment can be narrowed down to repositories. */
  readonly takesConditions: boolean;
}

/**
 * `registries/pull/read`. "Container Registry Data Importer and Data Reader" has no other data permission, and is
 * described as "list repositories, view images and tags, get manifests, and pull images".
 */
const PULL_READ: readonly Action[] = ["catalog", "pull", "metadata_read"];

/** `registries/push/write`; that it covers the locks is assumed, after `write` in recorded refresh tokens (2.6). */
const PUSH_WRITE: readonly Action[] = ["push", "metadata_write"];

/** `registries/artifacts/delete`, `registries/deleted/read`, `registries/deleted/restore/action`. */
const DELETE: readonly Action[] = ["delete"];
const DELETED: readonly Action[] = ["deleted_read", "deleted_restore"];

const RBAC = { mode: "rbac", takesConditions: false } as const;
const ABAC = { mode: "rbac-abac", takesConditions: true } as const;

/*
 * Sources: "Azure built-in roles for Containers" (definitions), Azure/acr docs/roles-and-permissions.md (the table of
 * who may push, pull, quarantine), Azure/acr docs/preview/abac-repo-permissions (which roles count in which mode) and
 * docs/preview/quarantine (a quarantine reader pulls by digest and reads metadata, a writer patches it). Assumed, since
 * no source says it: Owner and Contributor restore deleted artifacts and Reader lists them, after their wildcards in
 * Azure Resource Manager; no role of the ABAC mode does either.
 */
const TABLE = {
  AcrPull: { ...RBAC, actions: PULL_READ },
  AcrPush: { ...RBAC, actions: [...PULL_READ, ...PUSH_WRITE] },
  AcrDelete: { ...RBAC, actions: DELETE },
  AcrQuarantineReader: { ...RBAC, actions: ["pull", "metadata_read", "quarantine_read"] },
  AcrQuarantineWriter: {
    ...RBAC,
    actions: ["pull", "metadata_read", "metadata_write", "quarantine_read", "quarantine_write"],
  },
  Reader: { ...RBAC, actions: [...PULL_READ, "deleted_read"] },
  Contributor: { ...RBAC, actions: [...PULL_READ, ...PUSH_WRITE, ...DELETE, ...DELETED] },
  Owner: { ...RBAC, actions: [...PULL_READ, ...PUSH_WRITE, ...DELETE, ...DELETED] },
  "Container Registry Repository Reader": { ...ABAC, actions: ["pull", "metadata_read"] },
  "Container Registry Repository Writer": { ...ABAC, actions: ["pull", "push", "metadata_read", "metadata_write"] },
  "Container Registry Repository Contributor": {
    ...ABAC,
    actions: ["pull", "push", "delete", "metadata_read", "metadata_write"],
  },
  "Container Registry Repository Catalog Lister": { ...ABAC, takesConditions: false, actions: ["catalog"] },
} as const satisfies Record<string, Role>;

/** A role that Azure has built in. */
export type RoleName = keyof typeof TABLE;

/** The table, by name. */
export const ROLES: Readonly<Record<RoleName, Role>> = TABLE;

/** A role, by itself or narrowed down: to repositories by name, or by what names begin with (`samples/*`). */
export type RoleAssignment = RoleName | { readonly role: RoleName; readonly repositories: readonly string[] };

/** What an identity may do in a registry: the sum of what is given; all, when nothing is. */
export interface PermissionOptions {
  /** Azure's roles. Which of them count depends on the registry's `roleAssignmentMode`. */
  readonly roles?: readonly RoleAssignment[] | undefined;
  /** Single actions, in every repository; as a custom role would have them, in either mode. */
  readonly actions?: readonly Action[] | undefined;
  /** Single actions in single repositories, by name or by what names begin with: `{ "samples/*": ["pull"] }`. */
  readonly repositories?: Readonly<Record<string, readonly Action[]>> | undefined;
}

/** @throws {TypeError} an unknown role, a pattern that names nothing, or a condition for a role that takes none */
export function permissionsOf(
  { roles, actions, repositories }: PermissionOptions,
  mode: RoleAssignmentMode,
): Permissions {
  if (roles === undefined && actions === undefined && repositories === undefined) return EVERYTHING;
  const single = Object.entries(repositories ?? {}).map(([pattern, allowed]): Grant => {
    assertPattern(pattern);
    return { repositories: pattern, actions: [...allowed] };
  });
  const everywhere: readonly Grant[] = actions === undefined ? [] : [{ repositories: "*", actions: [...actions] }];
  return [...(roles ?? []).flatMap((assignment) => grantsOf(assignment, mode)), ...everywhere, ...single].filter(
    (grant) => grant.actions.length > 0,
  );
}

function grantsOf(assignment: RoleAssignment, mode: RoleAssignmentMode): readonly Grant[] {
  const { role: name, repositories } =
    typeof assignment === "string" ? { role: assignment, repositories: undefined } : assignment;
  const role = Object.hasOwn(ROLES, name) ? ROLES[name] : undefined;
  if (role === undefined) {
    throw new TypeError(`there is no role ${JSON.stringify(name)}; there are: ${Object.keys(ROLES).join(", ")}`);
  }
  if (repositories !== undefined && !role.takesConditions) {
    throw new TypeError(`the role ${name} is for the whole registry: it cannot be narrowed down to repositories`);
  }
  for (const pattern of repositories ?? []) assertPattern(pattern);
  if (role.mode !== mode) return [];
  return (repositories ?? ["*"]).map((pattern) => ({ repositories: pattern, actions: role.actions }));
}
