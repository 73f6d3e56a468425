import { join } from "node:path";
import { AcrTokens } from "./auth/acr-tokens.ts";
import { type AdminUser, Authenticator } from "./auth/authenticator.ts";
import type { Entra } from "./auth/entra.ts";
import type { Jwts } from "./auth/jwt.ts";
import type { StampingClock } from "./clock.ts";
import { hostnameOf, hostOf } from "./hosts.ts";
import { adminUserOf, loadIdentity } from "./identity.ts";
import type { RegistryOptions } from "./options.ts";
import type { RegistryContext } from "./protocol/context.ts";
import type { Handler } from "./protocol/message.ts";
import { createRegistryHandler } from "./protocol/registry-origin.ts";
import { createStorageHandler } from "./protocol/storage-origin.ts";
import { openStore } from "./storage/open-store.ts";
import { createFileSecrets } from "./storage/secrets.ts";

/** A registry without sockets: what it holds, and the handlers of its two origins. */
export interface Registry {
  readonly context: RegistryContext;
  readonly admin: AdminUser | undefined;
  readonly handlers: Readonly<Record<"registry" | "storage", Handler>>;
  close(): void;
}

/** What the registries of one emulator share. */
export interface Surroundings {
  readonly clock: StampingClock;
  readonly jwts: Jwts;
  readonly entra: Entra;
  /** `http` or `https`. */
  readonly scheme: string;
  /** Whether what is answered for must survive a power failure, not just a killed process. */
  readonly durable: boolean;
}

/** Where the servers are reached; known once they listen. */
export interface Addresses {
  /** `localhost:54321`: what the registry calls itself to a client that does not say how it addresses it. */
  registry(): string;
  /** The name of this machine for a client that knows the registry by a fixed name. */
  hostname: string;
  storagePort(): number;
}

/** Opens a registry over a folder of its own. */
export async function openRegistry(
  folder: string,
  options: RegistryOptions,
  { clock, jwts, entra, scheme, durable }: Surroundings,
  addresses: Addresses,
): Promise<Registry> {
  const { loginServer } = options;
  const store = await openStore(folder, { durable });
  const secrets = createFileSecrets(join(folder, "secrets"));
  const identity = await loadIdentity(secrets).catch((error) => {
    store.close();
    throw error;
  });
  const tokens = new AcrTokens(jwts, identity.registryId);
  const admin = adminUserOf(identity, loginServer, options.adminUser);
  const context: RegistryContext = {
    store,
    clock,
    tokens,
    entra,
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
  return registry === "127.0.0.1" || registry === "[::1]" || registry.endsWith(".localhost") ? "localhost" : registry;
}
