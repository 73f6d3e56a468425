import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type EmulatorCredential, Entra } from "./auth/entra.ts";
import { Jwts } from "./auth/jwt.ts";
import type { RegistryAccess } from "./auth/registry-access.ts";
import type { PermissionOptions } from "./auth/roles.ts";
import { lazySigningKey } from "./auth/signing-key.ts";
import type { AdminUser } from "./auth/users.ts";
import { writeAuthority } from "./authority-file.ts";
import { type Clock, createClock, machineTime } from "./clock.ts";
import { createEmulatedEntra, type EmulatedEntra } from "./entra/emulated-entra.ts";
import { createEntraHandler } from "./entra/entra-origin.ts";
import { Faults } from "./faults/faults.ts";
import type { Interceptor } from "./faults/interceptors.ts";
import { healthCheck } from "./health.ts";
import { assertRegistryNames, byContainer, byHostName } from "./hosting.ts";
import { hostnameOf, hostOf } from "./hosts.ts";
import { loadDirectoryIdentity } from "./identity.ts";
import { type ExportedLayout, type ExportLayoutOptions, exportLayout } from "./layout/export-layout.ts";
import { type ImportedLayout, type ImportLayoutOptions, importLayout } from "./layout/import-layout.ts";
import type { EmulatorOptions } from "./options.ts";
import { purgeExpired } from "./protocol/deleted.ts";
import type { EmulatorRequest } from "./protocol/message.ts";
import { openRegistry, type Registry, type Surroundings } from "./registry.ts";
import { RequestLog } from "./request-log/request-log.ts";
import { loadCertificate, namesToCertify } from "./server/certificate-file.ts";
import { type ServerOptions, Servers } from "./servers.ts";
import type { GarbageCollected, GarbageOptions } from "./storage/garbage.ts";
import type { Usage } from "./storage/quota.ts";
import { createFileSecrets } from "./storage/secrets.ts";
import type { Store } from "./storage/store.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

/** A registry that is being served. */
export interface EmulatedRegistry {
  /** Where clients reach it: `https://localhost:54321`. */
  readonly endpoint: string;
  /** The endpoint's host and port, or the fixed name it was given. */
  readonly loginServer: string;
  readonly admin: AdminUser | undefined;
  /** Stands in for a credential of `@azure/identity`: an identity that may do everything. */
  readonly credential: EmulatorCredential;
  /**
   * The same for another identity, which may do no more than is given; one that may do nothing (`actions: []`) does not
   * get its tokens exchanged at all.
   */
  credentialFor(permissions?: PermissionOptions): EmulatorCredential;
  /** Who may do what, to be changed while the registry runs: roles of identities, repository-scoped tokens. */
  readonly access: RegistryAccess;
  /** What the registry holds, to be seeded and looked at by tests. */
  readonly store: Store;
  /** How much the registry holds. */
  usage(): Usage;
  /** Removes blobs that no manifest refers to, and uploads that nobody goes on with; the registry stays in use meanwhile. */
  collectGarbage(options?: GarbageOptions): Promise<GarbageCollected>;
  /**
   * Brings an OCI image layout, a folder as skopeo, umoci, oras and docker write it, into a repository.
   *
   * @throws {InvalidLayoutError} of `@acrkit/oci`: the folder is none, or a file in it is missing or damaged
   * @throws {QuotaExceededError} there is no room for it
   */
  importLayout(folder: string, options: ImportLayoutOptions): Promise<ImportedLayout>;
  /**
   * Writes a repository, or some of it, as an OCI image layout.
   *
   * @throws {InvalidInputError} of `@acrkit/oci`: the folder is there and not empty, or there is no such repository or reference
   */
  exportLayout(folder: string, options: ExportLayoutOptions): Promise<ExportedLayout>;
}

/** A running emulator, and its first registry. */
export interface Emulator extends EmulatedRegistry, AsyncDisposable {
  /** One of `registries`. @throws {TypeError} there is none of this name */
  registry(name: string): EmulatedRegistry;
  /** The stand-in for Entra ID: where applications get the tokens that registries exchange. */
  readonly entra: EmulatedEntra;
  /** PEM of the authority to trust; empty without TLS. */
  readonly certificate: string;
  /** A file with it, for programs that take nothing else; undefined without TLS. */
  readonly certificateFile: string | undefined;
  /** Where downloads are redirected to: `https://localhost:54322`, or the same port by this machine's other name. */
  readonly storageEndpoint: string;
  /** What has been asked, and how it was answered. */
  readonly requests: RequestLog;
  readonly clock: Clock;
  /** What goes wrong, on all origins: rules that can be added, and scripts that can be loaded, while it runs. */
  readonly faults: Faults;
  /**
   * Puts a function around the protocol, on all origins: it may answer itself, change what `next` answers, or throw
   * `ConnectionCut`. The function given back removes it.
   */
  intercept(interceptor: Interceptor): () => void;
  readonly dataFolder: string;
  /**
   * Puts everything back to what it was at the start, for the next test: content, request log, interceptors, faults, clock,
   * and who may do what. Ports, keys, certificate and credentials stay; an identity has the permissions it was made with.
   *
   * Requests that are under way are cut off, and reach the registry no more, however long an interceptor holds them; the
   * ones that come in meanwhile wait. It takes a few milliseconds.
   */
  reset(): Promise<void>;
  /** Closes every connection and the store; a temporary data folder is removed. A second call waits for the first. */
  close(options?: CloseOptions): Promise<void>;
}

/** How an emulator is closed. */
export interface CloseOptions {
  /** How long requests under way may go on before they are cut, in milliseconds; no new ones are accepted. @default 0 */
  readonly graceMs?: number;
}

/**
 * Starts a local Azure Container Registry.
 *
 * Takes some tens of milliseconds the first time in a process, and less after that. Any number can run in one process, each on ports
 * of its own.
 *
 * @throws {DataFolderError} the data folder is in use by another emulator, was written by a newer one, or cannot be used
 * @throws {TypeError} an option that cannot be: a registry's name, a token, a scope map, a retention, a quota
 * @throws a port is taken, or the address is none of this machine's
 * @example
 * ```ts
 * import { startEmulator } from "@acrkit/emulator";
 * const emulator = await startEmulator({ tls: false });
 * const answer = await fetch(`${emulator.endpoint}/v2/`); // 401, with the registry's challenge
 * await emulator.close();
 * ```
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  assertRegistryNames(Object.keys(options.registries ?? {}));
  const closers: Closer[] = [];
  let closing: Promise<void> | undefined;
  const close = (closeOptions: CloseOptions = {}) => {
    closing ??= closeAll(closers, closeOptions);
    return closing;
  };
  try {
    return await start(options, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** Takes what is left of the grace. */
type Closer = (graceMs: number) => Promise<void> | void;

/** Last opened, first closed. */
async function closeAll(closers: readonly Closer[], { graceMs = 0 }: CloseOptions): Promise<void> {
  const end = performance.now() + graceMs;
  const failures: unknown[] = [];
  for (const closer of closers.toReversed()) {
    try {
      await closer(Math.max(0, end - performance.now()));
    } catch (error) {
      // What else is open is closed all the same.
      failures.push(error);
    }
  }
  if (failures.length > 0)
    throw failures.length === 1 ? failures[0] : new AggregateError(failures, "not all was closed");
}

async function start(options: EmulatorOptions, closers: Closer[], close: Emulator["close"]): Promise<Emulator> {
  const { host = "127.0.0.1", tls: secure = true } = options;
  const dataFolder = await openDataFolder(options, closers);
  const { surroundings, faults, secrets } = openSurroundings(dataFolder, options, closers);
  const { clock, scheme } = surroundings;
  const { seed } = faults;
  const hostname = visibleName(host);
  const ports = new Map<string, number>();
  const addressOf = (name: string) => `${hostname}:${ports.get(name)}`;

  const registries = new Map<string, Registry>();
  for (const [name, settings] of [[FIRST, options], ...Object.entries(options.registries ?? {})] as const) {
    const addresses = { registry: () => addressOf(name), hostname, storagePort: () => ports.get(STORAGE) ?? 0 };
    const registry = await openRegistry(folderOf(dataFolder, name), settings, surroundings, addresses);
    closers.push(() => registry.close());
    registries.set(name, registry);
  }
  const entra = await surroundings.entra();

  if (options.dataFolder !== undefined) await keepOutOfGit(dataFolder);
  const names = namesToCertify(host, hostNames(options));
  const tls = secure ? await loadCertificate(secrets.path("tls.json"), names) : undefined;
  const certificateFile = tls === undefined ? undefined : await writeAuthority(dataFolder, tls.authority);
  const requests = new RequestLog(clock.now);
  const servers = new Servers({ host, tls, now: clock.now, requests, faults });
  closers.push((graceMs) => servers.close(graceMs));
  const serve = async (name: string, server: ServerOptions) => {
    ports.set(name, await servers.serve(server));
  };
  await serve(STORAGE, {
    origin: "storage",
    handler: byContainer([...registries.values()]),
    port: options.storagePort,
  });
  const entraOrigin = (request: EmulatorRequest) => `${scheme}://${hostOf(request, addressOf(ENTRA))}`;
  const entraHandler = createEntraHandler({ entra, now: clock.now, origin: entraOrigin });
  await serve(ENTRA, { origin: "entra", handler: entraHandler, port: options.entraPort });
  for (const [name, registry] of registries) {
    const aside = healthCheck(folderOf(dataFolder, name), registry.context.store);
    const port = name === FIRST ? options.port : 0;
    await serve(name, { origin: "registry", handler: byHostName(registry, registries), port, aside });
  }

  const emulated = new Map(
    [...registries].map(([name, registry]) => {
      const { loginServer } = name === FIRST ? options : (options.registries?.[name] ?? {});
      const address = addressOf(name);
      return [name, emulatedRegistry(registry, entra, `${scheme}://${address}`, loginServer ?? address)];
    }),
  );
  return {
    ...registryNamed(emulated, FIRST),
    registry: (name) => registryNamed(emulated, name),
    entra: createEmulatedEntra(entra, `${scheme}://${addressOf(ENTRA)}`, (principal, permissions) => {
      for (const { access } of registries.values()) access.assign(principal, permissions);
    }),
    certificate: tls?.authority ?? "",
    certificateFile,
    storageEndpoint: `${scheme}://${addressOf(STORAGE)}`,
    requests,
    clock,
    faults,
    intercept: (interceptor) => servers.intercept(interceptor),
    dataFolder,
    reset: () =>
      servers.reset(async () => {
        faults.load({ seed, faults: [] });
        clock.reset();
        for (const registry of registries.values()) await registry.reset();
        requests.clear();
      }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function openDataFolder({ dataFolder }: EmulatorOptions, closers: Closer[]): Promise<string> {
  if (dataFolder !== undefined) return dataFolder;
  const temporary = await makeTemporaryFolder();
  closers.push(() => temporary.remove());
  return temporary.path;
}

/** A data folder holds keys and may stand in a project: as virtual environments and caches do, it asks to be ignored. */
async function keepOutOfGit(dataFolder: string): Promise<void> {
  await writeFile(join(dataFolder, ".gitignore"), "*\n", { flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

/** What all registries share: one clock, one Entra ID, one key that signs tokens. */
function openSurroundings(dataFolder: string, options: EmulatorOptions, closers: Closer[]) {
  const durable = options.dataFolder !== undefined;
  const secrets = createFileSecrets(join(dataFolder, "secrets"), { durable });
  const faults: Faults = new Faults({ ...options.faults, now: () => clock.now() });
  const clock = createClock(options.now ?? machineTime, () => faults.skewMs);
  closers.push(() => faults.close());
  const jwts = new Jwts(
    lazySigningKey((create) => secrets.getOrCreate("signing-key.json", create)),
    clock.now,
  );
  const openEntra = async () => new Entra(jwts, await loadDirectoryIdentity(secrets), clock.now);
  let entra: Promise<Entra> | undefined;
  const scheme = options.tls === false ? "http" : "https";
  const surroundings: Surroundings = {
    clock,
    jwts,
    entra() {
      entra ??= openEntra();
      return entra;
    },
    durable,
    scheme,
  };
  return { surroundings, faults, secrets };
}

function emulatedRegistry(
  { context, admin, access }: Registry,
  entra: Entra,
  endpoint: string,
  loginServer: string,
): EmulatedRegistry {
  const { store } = context;
  return {
    endpoint,
    loginServer,
    admin,
    credential: entra.credential(entra.directory.owner),
    credentialFor(permissions = {}) {
      const application = entra.directory.register();
      access.assign(application, permissions);
      return entra.credential(application);
    },
    access,
    store,
    usage: () => store.usage(),
    collectGarbage(garbage) {
      purgeExpired(context);
      return store.collectGarbage(garbage);
    },
    importLayout: (folder, layout) => importLayout(context, folder, layout),
    exportLayout: (folder, layout) => exportLayout(store, folder, layout),
  };
}

function registryNamed(registries: ReadonlyMap<string, EmulatedRegistry>, name: string): EmulatedRegistry {
  const registry = registries.get(name);
  if (registry !== undefined) return registry;
  const names = [...registries.keys()].filter((known) => known !== FIRST);
  throw new TypeError(`there is no registry ${JSON.stringify(name)}; there are: ${names.join(", ") || "none"}`);
}

function folderOf(dataFolder: string, name: string): string {
  return name === FIRST ? dataFolder : join(dataFolder, "registries", name);
}

/** No registry can have these names. */
const FIRST = "";
const STORAGE = ".storage";
const ENTRA = ".entra";

/** The names that clients may have for the registries, besides those of the machine. */
function hostNames({ loginServer, hostnames = [], registries = {} }: EmulatorOptions): readonly string[] {
  const given = Object.entries(registries).flatMap(([name, settings]) => [`${name}.localhost`, settings.loginServer]);
  return [loginServer, ...given, ...hostnames].filter((name) => name !== undefined).map((name) => hostnameOf(name));
}

/** The name for an address to listen on: certificates and clients know this machine as `localhost`. */
function visibleName(host: string): string {
  if (["127.0.0.1", "0.0.0.0", "::", "::1", "localhost"].includes(host)) return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}
