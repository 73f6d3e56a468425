import { join } from "node:path";
import { AcrTokens } from "./auth/acr-tokens.ts";
import { type AdminUser, Authenticator } from "./auth/authenticator.ts";
import { Entra } from "./auth/entra.ts";
import { Jwts } from "./auth/jwt.ts";
import { lazySigningKey } from "./auth/signing-key.ts";
import { createClock } from "./clock.ts";
import { hostnameOf, hostOf } from "./hosts.ts";
import { adminUserOf, loadIdentity } from "./identity.ts";
import type { EmulatorOptions } from "./options.ts";
import type { RegistryContext } from "./protocol/context.ts";
import type { Handler } from "./protocol/message.ts";
import { createRegistryHandler } from "./protocol/registry-origin.ts";
import { createStorageHandler } from "./protocol/storage-origin.ts";
import { openStore } from "./storage/open-store.ts";
import { createFileSecrets, type Secrets } from "./storage/secrets.ts";

/** A registry without sockets: what it holds, and the handlers of its two origins. */
export interface Registry {
  readonly context: RegistryContext;
  readonly admin: AdminUser | undefined;
  readonly secrets: Secrets;
  readonly handlers: Readonly<Record<"registry" | "storage", Handler>>;
  close(): void;
}

/** Where the two servers are reached; known once they listen. */
export interface Addresses {
  /** `localhost:54321`: what the registry calls itself to a client that does not say how it addresses it. */
  registry(): string;
  /** The name of this machine for a client that knows the registry by a fixed name. */
  hostname: string;
  storagePort(): number;
}

/** Opens a registry over a data folder. */
export async function openRegistry(
  dataFolder: string,
  options: EmulatorOptions & { readonly durable: boolean },
  addresses: Addresses,
): Promise<Registry> {
  const { loginServer } = options;
  const store = await openStore(dataFolder, options);
  const secrets = createFileSecrets(join(dataFolder, "secrets"));
  const identity = await loadIdentity(secrets).catch((error) => {
    store.close();
    throw error;
  });
  const clock = createClock(options.now);
  const jwts = new Jwts(
    lazySigningKey((create) => secrets.getOrCreate("signing-key.json", create)),
    clock.now,
  );
  const tokens = new AcrTokens(jwts, identity.registryId);
  const admin = adminUserOf(identity, loginServer, options.adminUser);
  const scheme = options.tls === false ? "http" : "https";
  const context: RegistryContext = {
    store,
    clock,
    tokens,
    entra: new Entra(jwts),
    authenticator: new Authenticator(tokens, admin),
    anonymousPull: options.anonymousPull ?? false,
    registryId: identity.registryId,
    secret: identity.secret,
    scheme,
    loginServer: (request) => loginServer ?? hostOf(request, addresses.registry()),
    storageOrigin: (request) => {
      const seen = storageHostname(hostnameOf(hostOf(request, addresses.registry())));
      return `${scheme}://${loginServer === undefined ? seen : addresses.hostname}:${addresses.storagePort()}`;
    },
  };
  return {
    context,
    admin,
    secrets,
    handlers: { registry: createRegistryHandler(context), storage: createStorageHandler(context) },
    close: () => store.close(),
  };
}

/**
 * The blob store of the service has another host name. Here it is this machine's other name: clients such as Go's take
 * another port alone for the same host, and would send the registry's token along, which the store refuses.
 */
function storageHostname(registry: string): string {
  if (registry === "localhost") return "127.0.0.1";
  return registry === "127.0.0.1" || registry === "[::1]" ? "localhost" : registry;
}
