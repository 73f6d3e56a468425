import type { Action } from "./actions.ts";
import { assertPattern, type Grant, type Permissions } from "./permissions.ts";

/** The actions of scope maps, and what they are called in scopes (2.5). */
const ACTIONS = {
  "content/read": "pull",
  "content/write": "push",
  "content/delete": "delete",
  "metadata/read": "metadata_read",
  "metadata/write": "metadata_write",
} as const satisfies Record<string, Action>;

export type ScopeMapAction = keyof typeof ACTIONS;

/** What a repository token may do, by repository or by what names begin with: `{ "samples/*": ["content/read"] }`. */
export type ScopeMap = Readonly<Record<string, readonly ScopeMapAction[]>>;

/** The maps that every registry has; their actions as exported templates of real registries show them. */
export const BUILT_IN_SCOPE_MAPS: Readonly<Record<string, ScopeMap>> = {
  _repositories_pull: { "*": ["content/read"] },
  _repositories_pull_metadata_read: { "*": ["content/read", "metadata/read"] },
  _repositories_push: { "*": ["content/read", "content/write"] },
  _repositories_push_metadata_write: { "*": ["metadata/read", "metadata/write", "content/read", "content/write"] },
  _repositories_admin: {
    "*": ["metadata/read", "metadata/write", "content/read", "content/write", "content/delete"],
  },
};

/** Listing the catalog is no action of scope maps; this one built-in map allows it all the same (Azure/acr#675). */
const CATALOG_MAP = "_repositories_admin";

/** @throws {TypeError} an unknown action, or a pattern that names nothing */
export function scopeMapPermissions(map: ScopeMap, name?: string): Permissions {
  const grants = Object.entries(map).map(([pattern, actions]): Grant => {
    assertPattern(pattern);
    return { repositories: pattern, actions: actions.map(actionOf) };
  });
  return name === CATALOG_MAP ? [...grants, { repositories: "*", actions: ["catalog"] }] : grants;
}

function actionOf(action: ScopeMapAction): Action {
  if (!Object.hasOwn(ACTIONS, action)) {
    throw new TypeError(
      `${JSON.stringify(action)} is no action of a scope map; there are: ${Object.keys(ACTIONS).join(", ")}`,
    );
  }
  return ACTIONS[action];
}
