import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Action } from "./auth/actions.ts";
import type { AdminUser } from "./auth/authenticator.ts";
import { type EmulatorCredential, Entra } from "./auth/entra.ts";
import { Jwts } from "./auth/jwt.ts";
import { lazySigningKey } from "./auth/signing-key.ts";
import { type Clock, createClock } from "./clock.ts";
import { type Interceptor, Interceptors } from "./faults/interceptors.ts";
import { assertRegistryNames, byContainer, byHostName } from "./hosting.ts";
import type { EmulatorOptions } from "./options.ts";
import type { Handler, Origin } from "./protocol/message.ts";
import { openRegistry, type Registry, type Surroundings } from "./registry.ts";
import { RequestLog } from "./request-log.ts";
import { type Certificate, createCertificate } from "./server/certificate.ts";
import { type Listener, listen } from "./server/listener.ts";
import { createFileSecrets, type Secrets } from "./storage/secrets.ts";
import type { Store } from "./storage/store.ts";

/** A registry that is being served. */
export interface EmulatedRegistry {
  /** Where clients reach it: `https://localhost:54321`. */
  readonly endpoint: string;
  /** The endpoint's host and port, or the fixed name it was given. */
  readonly loginServer: string;
  readonly admin: AdminUser | undefined;
  /** Stands in for a credential of `@azure/identity`: an identity that may do everything. */
  readonly credential: EmulatorCredential;
  /** The same for another identity, which may do only `actions`; without any its tokens are not exchanged at all. */
  credentialFor(options?: { readonly actions?: readonly Action[] }): EmulatorCredential;
  /** What the registry holds, to be seeded and looked at by tests. */
  readonly store: Store;
}

/** A running emulator, and its first registry. */
export interface Emulator extends EmulatedRegistry, AsyncDisposable {
  /** One of `registries`. @throws {TypeError} there is none of this name */
  registry(name: string): EmulatedRegistry;
  /** PEM of the certificate to trust; empty without TLS. */
  readonly certificate: string;
  /** What has been asked, and how it was answered. */
  readonly requests: RequestLog;
  readonly clock: Clock;
  /**
   * Puts a function around the protocol, on all origins: it may answer itself, change what `next` answers, or throw
   * `ConnectionCut`. The function given back removes it.
   */
  intercept(interceptor: Interceptor): () => void;
  readonly dataFolder: string;
  /** Cuts every connection and closes the store; a temporary data folder is removed. */
  close(): Promise<void>;
}

/**
 * Starts a local Azure Container Registry.
 *
 * Takes some tens of milliseconds, most of them for the certificate. Any number can run in one process, each on ports
 * of its own.
 *
 * @throws when the port is taken, or the data folder is in use by another emulator
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
  const close = () => {
    closing ??= closeAll(closers);
    return closing;
  };
  try {
    return await start(options, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

type Closer = () => Promise<void> | void;

/** Last opened, first closed. */
async function closeAll(closers: readonly Closer[]): Promise<void> {
  for (const closer of closers.toReversed()) await closer();
}

async function start(options: EmulatorOptions, closers: Closer[], close: () => Promise<void>): Promise<Emulator> {
  const { host = "127.0.0.1", port = 0, tls: secure = true } = options;
  const dataFolder = options.dataFolder ?? (await mkdtemp(join(tmpdir(), "acrkit-emulator-")));
  const durable = options.dataFolder !== undefined;
  // Retried, since a request that was just cut off may still be writing there.
  if (!durable) closers.push(() => rm(dataFolder, { recursive: true, force: true, maxRetries: 3 }));

  const secrets = createFileSecrets(join(dataFolder, "secrets"));
  const clock = createClock(options.now);
  const jwts = new Jwts(
    lazySigningKey((create) => secrets.getOrCreate("signing-key.json", create)),
    clock.now,
  );
  const entra = new Entra(jwts);
  const surroundings: Surroundings = { clock, jwts, entra, durable, scheme: secure ? "https" : "http" };
  const hostname = visibleName(host);
  const ports = new Map<string, Listener>();
  const hostOf = (name: string) => `${hostname}:${ports.get(name)?.port}`;

  const open = async (name: string, folder: string, settings: EmulatorOptions): Promise<Registry> => {
    const registry = await openRegistry(folder, settings, surroundings, {
      registry: () => hostOf(name),
      hostname,
      storagePort: () => ports.get(STORAGE)?.port ?? 0,
    });
    closers.push(() => registry.close());
    return registry;
  };
  const first = await open(FIRST, dataFolder, options);
  const named = new Map<string, Registry>();
  for (const [name, settings] of Object.entries(options.registries ?? {})) {
    named.set(name, await open(name, join(dataFolder, "registries", name), settings));
  }

  const tls = secure ? await loadCertificate(secrets, host) : undefined;
  const requests = new RequestLog();
  const interceptors = new Interceptors();
  const serve = async (name: string, origin: Origin, handler: Handler, portWanted = 0): Promise<void> => {
    const whole = requests.around(interceptors.around(handler));
    const listener = await listen(origin, whole, { host, port: portWanted, tls, now: clock.now });
    closers.push(() => listener.close());
    ports.set(name, listener);
  };
  await serve(STORAGE, "storage", byContainer(first, [...named.values()]));
  for (const [name, registry] of named) await serve(name, "registry", byHostName(registry, named));
  await serve(FIRST, "registry", byHostName(first, named), port);

  const emulated = (name: string, { context, admin }: Registry, fixedName: string | undefined): EmulatedRegistry => ({
    endpoint: `${surroundings.scheme}://${hostOf(name)}`,
    loginServer: fixedName ?? hostOf(name),
    admin,
    credential: entra.credential(),
    credentialFor: ({ actions } = {}) => entra.credential(actions),
    store: context.store,
  });
  const others = new Map(
    [...named].map(([name, registry]) => [name, emulated(name, registry, options.registries?.[name]?.loginServer)]),
  );
  return {
    ...emulated(FIRST, first, options.loginServer),
    registry(name) {
      const other = others.get(name);
      if (other === undefined)
        throw new TypeError(
          `there is no registry ${JSON.stringify(name)}; there are: ${[...others.keys()].join(", ") || "none"}`,
        );
      return other;
    },
    certificate: tls?.certificate ?? "",
    requests,
    clock,
    intercept: (interceptor) => interceptors.add(interceptor),
    dataFolder,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** No registry can have these names. */
const FIRST = "";
const STORAGE = ".storage";

async function loadCertificate(secrets: Secrets, host: string): Promise<Certificate> {
  const text = await secrets.getOrCreate("certificate.json", async () => JSON.stringify(await createCertificate(host)));
  return JSON.parse(text) as Certificate;
}

/** The name for an address to listen on: certificates and clients know this machine as `localhost`. */
function visibleName(host: string): string {
  if (["127.0.0.1", "0.0.0.0", "::", "::1", "localhost"].includes(host)) return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}
