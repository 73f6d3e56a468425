import { hostnameOf, hostOf } from "./hosts.ts";
import type { Handler } from "./protocol/message.ts";
import type { Registry } from "./registry.ts";

/**
 * The handler of a port whose own registry is `own`: a host name that begins with the name of another one, as in
 * `team.localhost` or `team.azurecr.io`, leads to that.
 */
export function byHostName(own: Registry, named: ReadonlyMap<string, Registry>): Handler {
  return (request) => {
    const [label = ""] = hostnameOf(hostOf(request, "")).toLowerCase().split(".");
    const other = label === "" ? undefined : named.get(label);
    return (other ?? own).handlers.registry(request);
  };
}

/** The handler of the blob storage: a link begins with the id of the registry that signed it (5.5). */
export function byContainer(registries: readonly Registry[]): Handler {
  const byId = new Map(registries.map((registry) => [registry.context.registryId, registry]));
  return (request) => {
    const id = /^\/([0-9a-f]+)-/.exec(request.path)?.[1] ?? "";
    // Any of them can say that it did not sign a link.
    const registry = byId.get(id) ?? registries[0];
    if (registry === undefined) throw new TypeError("there is no registry");
    return registry.handlers.storage(request);
  };
}

/** One label of a host name; names of folders as well, so nothing that could leave one. */
const REGISTRY_NAME = /^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$/;

/** @throws {TypeError} a name that cannot be the first label of a host name */
export function assertRegistryNames(names: readonly string[]): void {
  for (const name of names) {
    if (!REGISTRY_NAME.test(name) || name === "localhost") {
      throw new TypeError(
        `registries: ${JSON.stringify(name)} is no name for a registry; use up to 50 lower-case letters, digits and '-'`,
      );
    }
  }
}
