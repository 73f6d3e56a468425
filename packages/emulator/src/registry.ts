import { join } from "node:path";
import { AcrTokens } from "./auth/acr-tokens.ts";
import { Authenticator } from "./auth/authenticator.ts";
import type { Entra } from "./auth/entra.ts";
import type { Jwts } from "./auth/jwt.ts";
import { createRegistryAccess, type RegistryAccess } from "./auth/registry-access.ts";
import { RoleAssignments } from "./auth/role-assignments.ts";
import { type AdminUser, Users } from "./auth/users.ts";
import type { StampingClock } from "./clock.ts";
import { hostnameOf, hostOf } from "./hosts.ts";
import { adminUserOf, loadIdentity, passwordMaker, type RegistryIdentity } from "./identity.ts";
import type { RegistryOptions } from "./options.ts";
import { acknowledgeDurably } from "./protocol/acknowledge.ts";
import type { RegistryContext } from "./protocol/context.ts";
import { purgeExpired } from "./protocol/deleted.ts";
import type { Handler } from "./protocol/message.ts";
import { createRegistryHandler } from "./protocol/registry-origin.ts";
import { createStorageHandler } from "./protocol/storage-origin.ts";
import { throttled } from "./protocol/throttle.ts";
import { MAX_PUT_BYTES, SOFT_DELETE_DAYS } from "./protocol/unseen.ts";
import { resettableAccess } from "./resettable-access.ts";
import { openStore } from "./storage/open-store.ts";
import { createFileSecrets } from "./storage/secrets.ts";
import type { Store } from "./storage/store.ts";

/** A registry without sockets: what it holds, and the handlers of its two origins. */
export interface Registry {
  readonly context: RegistryContext;
  readonly admin: AdminUser | undefined;
  readonly access: RegistryAccess;
  readonly handlers: Readonly<Record<"registry" | "storage", Handler>>;
  /** Empties it, and puts back who may do what. */
  reset(): Promise<void>;
  close(): void;
}

/** What the registries of one emulator share. */
export interface Surroundings {
  readonly clock: StampingClock;
  readonly jwts: Jwts;
  /** Reads or makes its identity, in the first registry's folder: not before that is locked. */
  readonly entra: () => Promise<Entra>;
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
  surroundings: Surroundings,
  addresses: Addresses,
): Promise<Registry> {
  const { durable, clock } = surroundings;
  const store = await openStore(folder, { durable, quotaBytes: options.quotaBytes, now: clock.recordNow });
  try {
    const identity = await loadIdentity(createFileSecrets(join(folder, "secrets"), { durable }));
    const entra = await surroundings.entra();
    const registry = assembleRegistry(store, identity, options, { ...surroundings, entra }, addresses);
    purgeExpired(registry.context);
    return registry;
  } catch (error) {
    store.close();
    throw error;
  }
}

function assembleRegistry(
  store: Store,
  identity: RegistryIdentity,
  options: RegistryOptions,
  { clock, jwts, entra, scheme }: Omit<Surroundings, "entra"> & { readonly entra: Entra },
  addresses: Addresses,
): Registry {
  const { loginServer } = options;
  const tokens = new AcrTokens(jwts, identity.registryId);
  const admin = adminUserOf(identity, loginServer, options.adminUser);
  const users = usersOf(identity, admin, options, clock);
  const roles = new RoleAssignments(options.roleAssignmentMode ?? "rbac");
  const { access, reset } = resettableAccess(createRegistryAccess(roles, users), options);
  // The application that is there from the start may do everything.
  access.assign(entra.directory.owner, {});
  const context: RegistryContext = {
    store,
    clock,
    tokens,
    entra,
    roles,
    authenticator: new Authenticator(tokens, users, roles, entra),
    anonymousPull: options.anonymousPull ?? false,
    referrersByConfigType: options.referrersByConfigType ?? true,
    maxPutBytes: options.maxPutBytes ?? MAX_PUT_BYTES,
    resumableUploads: options.resumableUploads ?? false,
    maxPatchBytes: options.maxPatchBytes,
    minChunkBytes: options.minChunkBytes,
    quarantine: options.quarantine ?? false,
    softDeleteDays: softDeleteDays(options.softDelete),
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
    access,
    handlers: {
      registry: acknowledgeDurably(store, throttled(createRegistryHandler(context), options.maxConcurrentRequests)),
      storage: createStorageHandler(context),
    },
    async reset() {
      await store.clear();
      reset();
    },
    close: () => store.close(),
  };
}

/** @throws {TypeError} a user or scope map that cannot be */
function usersOf(
  identity: RegistryIdentity,
  admin: AdminUser | undefined,
  { tokens = {}, scopeMaps = {} }: RegistryOptions,
  { now }: StampingClock,
): Users {
  const users = new Users({ admin, makePassword: passwordMaker(identity), now });
  for (const [name, map] of Object.entries(scopeMaps)) users.setScopeMap(name, map);
  for (const [name, token] of Object.entries(tokens)) users.setToken(name, token);
  return users;
}

/** @throws {TypeError} a retention the service does not offer */
function softDeleteDays(option: RegistryOptions["softDelete"]): number | undefined {
  if (option === undefined || option === false) return undefined;
  const { retentionDays = SOFT_DELETE_DAYS } = option === true ? {} : option;
  if (!Number.isInteger(retentionDays) || retentionDays < 1 || retentionDays > 90) {
    throw new TypeError(`softDelete.retentionDays: ${retentionDays} is not a whole number from 1 to 90`);
  }
  return retentionDays;
}

/**
 * The blob store of the service has another host name. Here it is this machine's other name: clients such as Go's take
 * another port alone for the same host, and would send the registry's token along, which the store refuses.
 */
function storageHostname(registry: string): string {
  if (registry === "localhost") return "127.0.0.1";
  return registry === "127.0.0.1" || registry === "[::1]" || registry.endsWith(".localhost") ? "localhost" : registry;
}
