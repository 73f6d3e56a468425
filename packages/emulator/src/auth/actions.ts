/** What an identity may do: the actions of a repository's scopes (2.2), and `catalog`, the listing of repositories. */
export type Action =
  | "catalog"
  | "pull"
  | "push"
  | "delete"
  | "metadata_read"
  | "metadata_write"
  | "deleted_read"
  | "deleted_restore"
  | "quarantine_read"
  | "quarantine_write";

export const ALL_ACTIONS: readonly Action[] = [
  "catalog",
  "pull",
  "push",
  "delete",
  "metadata_read",
  "metadata_write",
  "deleted_read",
  "deleted_restore",
  "quarantine_read",
  "quarantine_write",
];

/**
 * The words of a refresh token's `permissions` claim, in the order they were seen (2.6), each with the actions it stands
 * for. Nothing about quarantine was seen there.
 */
const PERMISSIONS: readonly (readonly [permission: string, actions: readonly Action[]])[] = [
  ["read", ["catalog", "pull", "metadata_read"]],
  ["write", ["push", "metadata_write"]],
  ["delete", ["delete"]],
  ["deleted/read", ["deleted_read"]],
  ["deleted/restore/action", ["deleted_restore"]],
];

/** How a refresh token tells what its owner may do. Informative: the registry looks permissions up anew. */
export function permissionNames(actions: ReadonlySet<Action>): readonly string[] {
  return PERMISSIONS.filter(([, any]) => any.some((action) => actions.has(action))).map(([permission]) => permission);
}
