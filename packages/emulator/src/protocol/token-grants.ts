import { CATALOG_SCOPE, type Scope } from "@acrkit/oci";

/** What an anonymous caller may do where anonymous pull is on (2.4). */
const ANONYMOUS_ACTIONS = ["pull", "metadata_read"];

/** What a wish for anything else is silently replaced by (rec: auth-anonymous-delete-denied). */
const ANONYMOUS_FALLBACK: Scope = { type: "repository", name: "*", actions: ["pull"] };

/** The part of `asked` that an anonymous caller gets. */
export function grantAnonymous(asked: readonly Scope[]): readonly Scope[] {
  const granted = asked.flatMap((scope) => {
    if (scope.type === CATALOG_SCOPE.type && scope.name === CATALOG_SCOPE.name) return [CATALOG_SCOPE];
    if (scope.type !== "repository") return [];
    const actions = scope.actions.filter((action) => ANONYMOUS_ACTIONS.includes(action));
    return actions.length === 0 ? [] : [{ ...scope, actions }];
  });
  return granted.length === 0 ? [ANONYMOUS_FALLBACK] : granted;
}
