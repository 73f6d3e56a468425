import { InvalidInputError } from "../errors.ts";

/** What a token may do to one resource: `repository:library/alpine:pull,push`. */
export interface Scope {
  readonly type: string;
  readonly name: string;
  /** Sorted, each once. */
  readonly actions: readonly string[];
}

/** The scope that lists repositories. */
export const CATALOG_SCOPE: Scope = { type: "registry", name: "catalog", actions: ["*"] };

/** The scope that lists repositories in which something has been deleted softly. */
export const DELETED_CATALOG_SCOPE: Scope = { type: "registry", name: "deleted_catalog", actions: ["*"] };

/** A scope on one repository. */
export function repositoryScope(repository: string, actions: readonly string[]): Scope {
  return { type: "repository", name: repository, actions: sorted(actions) };
}

/**
 * Parses one scope. The name may hold colons (a host with a port), so the type ends at the first, the actions start at the last.
 *
 * @throws {InvalidInputError} not three parts, or no type or no name among them
 * @see distribution, "Token Scope Documentation"
 */
export function parseScope(text: string): Scope {
  const first = text.indexOf(":");
  const last = text.lastIndexOf(":");
  // `last - first` is 1 where the name is empty.
  if (first <= 0 || last - first < 2) throw new InvalidInputError("scope", text, "expected type:name:action[,action]");
  const actions = text.slice(last + 1).split(",");
  return {
    type: text.slice(0, first),
    name: text.slice(first + 1, last),
    actions: sorted(actions.filter((action) => action !== "")),
  };
}

/** Parses scopes as they stand in a challenge or a token request: separated by spaces. */
export function parseScopes(text: string): readonly Scope[] {
  return text
    .split(" ")
    .filter((part) => part !== "")
    .map(parseScope);
}

/**
 * The text of a scope, the same for the same scope: ACR writes `pull,push` at one time and `push,pull` at another, and a
 * cache that compared texts would never hit.
 */
export function formatScope(scope: Scope): string {
  return `${scope.type}:${scope.name}:${sorted(scope.actions).join(",")}`;
}

/** The text of several scopes, sorted, each once. */
export function formatScopes(scopes: readonly Scope[]): string {
  return sorted(scopes.map(formatScope)).join(" ");
}

/** True when every action of `wanted` is granted; `*` stands for every action, and as a name for every repository. */
export function isCovered(wanted: Scope, granted: readonly Scope[]): boolean {
  const actions = new Set(
    granted
      .filter((scope) => scope.type === wanted.type && (scope.name === wanted.name || scope.name === "*"))
      .flatMap((scope) => scope.actions),
  );
  return actions.has("*") || wanted.actions.every((action) => actions.has(action));
}

function sorted(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort();
}
