import { isCovered, type Scope } from "@acrkit/oci";

/** What an identity may do, in any repository; `catalog` is the listing of repositories. */
export type Action = "catalog" | "pull" | "push" | "delete" | "metadata_read" | "metadata_write";

export const ALL_ACTIONS: readonly Action[] = ["catalog", "pull", "push", "delete", "metadata_read", "metadata_write"];

/** Everything, as the admin user has it. */
export const EVERYTHING: readonly Scope[] = [
  { type: "registry", name: "catalog", actions: ["*"] },
  { type: "repository", name: "*", actions: ["*"] },
];

/** The part of `asked` that `actions` allow; what is not allowed is left out silently (2.3, 2.4). */
export function grant(asked: readonly Scope[], actions: readonly Action[]): Scope[] {
  const allowed = scopesOf(actions);
  const whole = ALL_ACTIONS.every((action) => actions.includes(action));
  return asked
    .map((scope) => ({
      ...scope,
      actions: scope.actions.flatMap((action) => grantAction(scope, action, allowed, whole)),
    }))
    .filter((scope) => scope.actions.length > 0);
}

/** The scopes an identity with these actions reaches. */
export function scopesOf(actions: readonly Action[]): readonly Scope[] {
  const catalog = actions.includes("catalog") ? EVERYTHING.slice(0, 1) : [];
  return [...catalog, { type: "repository", name: "*", actions: actions.filter((action) => action !== "catalog") }];
}

function grantAction(scope: Scope, action: string, allowed: readonly Scope[], whole: boolean): readonly string[] {
  // `repository:NAME:*`: acr-cli asks for it (2.5).
  if (scope.type === "repository" && action === "*") {
    return whole ? ["*"] : (allowed.find(({ type }) => type === "repository")?.actions ?? []);
  }
  return isCovered({ ...scope, actions: [action] }, allowed) ? [action] : [];
}

/** The permissions a refresh token of an identity with every action was seen to hold (2.6). */
const FULL_PERMISSIONS = ["read", "write", "delete", "deleted/read", "deleted/restore/action"];

// The words of scope maps (2.5), for identities with fewer; `catalog/read` is of our own making.
const PERMISSIONS: Readonly<Record<Action, string>> = {
  catalog: "catalog/read",
  pull: "content/read",
  push: "content/write",
  delete: "content/delete",
  metadata_read: "metadata/read",
  metadata_write: "metadata/write",
};

/** How a refresh token names actions in its `permissions` claim. */
export function permissionsOf(actions: readonly Action[]): readonly string[] {
  return ALL_ACTIONS.every((action) => actions.includes(action))
    ? FULL_PERMISSIONS
    : actions.map((action) => PERMISSIONS[action]);
}

/** The reverse of `permissionsOf`. */
export function actionsOf(permissions: readonly string[]): readonly Action[] {
  if (FULL_PERMISSIONS.every((permission) => permissions.includes(permission))) return ALL_ACTIONS;
  return ALL_ACTIONS.filter((action) => permissions.includes(PERMISSIONS[action]));
}
