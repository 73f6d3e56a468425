import type { RegistryAccess } from "./auth/registry-access.ts";
import { BUILT_IN_SCOPE_MAPS } from "./auth/scope-maps.ts";
import type { RegistryOptions } from "./options.ts";

/** `access`, and a way to put it back to how it was: tokens and scope maps as in the options, identities as they were made. */
export function resettableAccess(
  access: RegistryAccess,
  { tokens = {}, scopeMaps = {} }: RegistryOptions,
): { readonly access: RegistryAccess; reset(): void } {
  /** What each identity was given first, which is when it was made. */
  const firstRoles = new Map<string, Parameters<RegistryAccess["assign"]>>();
  const changedMaps = new Set<string>();
  return {
    access: {
      assign(principal, permissions) {
        access.assign(principal, permissions);
        const id = typeof principal === "string" ? principal : principal.objectId;
        if (!firstRoles.has(id)) firstRoles.set(id, [principal, permissions]);
      },
      revoke: (principal) => access.revoke(principal),
      get tokens() {
        return access.tokens;
      },
      setToken: (name, options) => access.setToken(name, options),
      removeToken: (name) => access.removeToken(name),
      setScopeMap(name, map) {
        access.setScopeMap(name, map);
        changedMaps.add(name);
      },
      removeScopeMap(name) {
        access.removeScopeMap(name);
        changedMaps.add(name);
      },
    },
    reset() {
      for (const given of firstRoles.values()) access.assign(...given);
      for (const name of access.tokens.keys()) if (!Object.hasOwn(tokens, name)) access.removeToken(name);
      for (const name of changedMaps) {
        const map = scopeMaps[name] ?? BUILT_IN_SCOPE_MAPS[name];
        if (map === undefined) access.removeScopeMap(name);
        else access.setScopeMap(name, map);
      }
      for (const [name, options] of Object.entries(tokens)) access.setToken(name, options);
    },
  };
}
