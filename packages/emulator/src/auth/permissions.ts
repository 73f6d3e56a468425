import type { Scope } from "@acrkit/oci";
import { type Action, ALL_ACTIONS } from "./actions.ts";

/** What may be done in one repository, or in all whose names begin alike. */
export interface Grant {
  /** A name, or what names begin with followed by `*`, as scope maps have it: `samples/*`, `*`. */
  readonly repositories: string;
  /** `catalog` is for the whole registry, whatever `repositories` says. */
  readonly actions: readonly Action[];
}

/** All that an identity may do in a registry. */
export type Permissions = readonly Grant[];

/** As the admin user has it. */
export const EVERYTHING: Permissions = [{ repositories: "*", actions: ALL_ACTIONS }];

/**
 * The part of `asked` that `permissions` allow; what is not allowed is left out silently (2.3). `*` stands for whatever
 * is allowed. A scope for every repository needs a grant for every repository, and is ignored where there are no
 * `wildcards`.
 */
export function permit(
  permissions: Permissions,
  asked: readonly Scope[],
  { wildcards = true }: { readonly wildcards?: boolean } = {},
): readonly Scope[] {
  return asked
    .filter((scope) => wildcards || scope.type !== "repository" || scope.name !== "*")
    .map((scope) => ({ ...scope, actions: allowedActions(permissions, scope) }))
    .filter((scope) => scope.actions.length > 0);
}

/** Whether all of `wanted` is allowed. */
export function isPermitted(permissions: Permissions, wanted: Scope): boolean {
  const allowed = new Set(allowedActions(permissions, wanted));
  return allowed.has("*") || wanted.actions.every((action) => allowed.has(action));
}

/** Everything that is allowed somewhere. */
export function actionsAnywhere(permissions: Permissions): ReadonlySet<Action> {
  return new Set(permissions.flatMap(({ actions }) => actions));
}

/** @throws {TypeError} a `*` elsewhere than at the end, or nothing at all */
export function assertPattern(pattern: string): void {
  const star = pattern.indexOf("*");
  if (pattern === "" || (star >= 0 && star !== pattern.length - 1)) {
    throw new TypeError(
      `${JSON.stringify(pattern)} names no repositories: give a name, or what names begin with and a final *`,
    );
  }
}

function allowedActions(permissions: Permissions, { type, name, actions }: Scope): readonly string[] {
  if (type === "registry") return isRegistryPermitted(permissions, name) ? actions : [];
  if (type !== "repository") return [];
  const allowed = actionsIn(permissions, name);
  const isWhole = ALL_ACTIONS.every((action) => allowed.has(action));
  // The catalog is no matter of a repository.
  allowed.delete("catalog");
  return actions.flatMap((action) => {
    // acr-cli asks for `repository:NAME:*` (2.5).
    if (action === "*") return isWhole ? ["*"] : [...allowed];
    return allowed.has(action as Action) ? [action] : [];
  });
}

function isRegistryPermitted(permissions: Permissions, name: string): boolean {
  if (name === "catalog") return actionsAnywhere(permissions).has("catalog");
  // Whoever may look into every repository's bin may list the bins (3.10).
  return name === "deleted_catalog" && actionsIn(permissions, "*").has("deleted_read");
}

function actionsIn(permissions: Permissions, repository: string): Set<Action> {
  return new Set(
    permissions.filter(({ repositories }) => matches(repositories, repository)).flatMap(({ actions }) => actions),
  );
}

function matches(pattern: string, repository: string): boolean {
  return pattern.endsWith("*") ? repository.startsWith(pattern.slice(0, -1)) : pattern === repository;
}
