import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Action } from "./auth/actions.ts";
import type { AdminUser } from "./auth/authenticator.ts";
import type { EmulatorCredential } from "./auth/entra.ts";
import type { Clock } from "./clock.ts";
import { type Interceptor, Interceptors } from "./faults/interceptors.ts";
import type { EmulatorOptions } from "./options.ts";
import { openRegistry } from "./registry.ts";
import { RequestLog } from "./request-log.ts";
import { type Certificate, createCertificate } from "./server/certificate.ts";
import { type Listener, listen } from "./server/listener.ts";
import type { Secrets } from "./storage/secrets.ts";
import type { Store } from "./storage/store.ts";

/** A running registry. */
export interface Emulator extends AsyncDisposable {
  /** Where clients reach it: `https://localhost:54321`. */
  readonly endpoint: string;
  /** The endpoint's host and port, or the fixed name it was given. */
  readonly loginServer: string;
  /** PEM of the certificate to trust; empty without TLS. */
  readonly certificate: string;
  readonly admin: AdminUser | undefined;
  /** Stands in for a credential of `@azure/identity`: an identity that may do everything. */
  readonly credential: EmulatorCredential;
  /** The same for another identity, which may do only `actions`; without any its tokens are not exchanged at all. */
  credentialFor(options?: { readonly actions?: readonly Action[] }): EmulatorCredential;
  /** What has been asked, and how it was answered. */
  readonly requests: RequestLog;
  readonly clock: Clock;
  /**
   * Puts a function around the protocol, on both origins: it may answer itself, change what `next` answers, or throw
   * `ConnectionCut`. The function given back removes it.
   */
  intercept(interceptor: Interceptor): () => void;
  /** What the registry holds, to be seeded and looked at by tests. */
  readonly store: Store;
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
  const closers: (() => Promise<void> | void)[] = [];
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

/** Last opened, first closed. */
async function closeAll(closers: readonly (() => Promise<void> | void)[]): Promise<void> {
  for (const closer of closers.toReversed()) await closer();
}

async function start(
  options: EmulatorOptions,
  closers: (() => Promise<void> | void)[],
  close: () => Promise<void>,
): Promise<Emulator> {
  const { host = "127.0.0.1", port = 0, tls: secure = true } = options;
  const dataFolder = options.dataFolder ?? (await mkdtemp(join(tmpdir(), "acrkit-emulator-")));
  const durable = options.dataFolder !== undefined;
  // Retried, since a request that was just cut off may still be writing there.
  if (!durable) closers.push(() => rm(dataFolder, { recursive: true, force: true, maxRetries: 3 }));

  const hostname = visibleName(host);
  const ownHost = () => `${hostname}:${registryListener.port}`;
  const addresses = { registry: ownHost, hostname, storagePort: () => storageListener.port };
  const registry = await openRegistry(dataFolder, { ...options, durable }, addresses);
  closers.push(() => registry.close());
  const tls = secure ? await loadCertificate(registry.secrets, host) : undefined;

  const requests = new RequestLog();
  const interceptors = new Interceptors();
  const open = async (origin: "registry" | "storage", portWanted: number): Promise<Listener> => {
    const handler = requests.around(interceptors.around(registry.handlers[origin]));
    const listener = await listen(origin, handler, { host, port: portWanted, tls });
    closers.push(() => listener.close());
    return listener;
  };
  const storageListener = await open("storage", 0);
  const registryListener = await open("registry", port);

  const { entra, clock, store } = registry.context;
  return {
    endpoint: `${secure ? "https" : "http"}://${ownHost()}`,
    loginServer: options.loginServer ?? ownHost(),
    certificate: tls?.certificate ?? "",
    admin: registry.admin,
    credential: entra.credential(),
    credentialFor: ({ actions } = {}) => entra.credential(actions),
    requests,
    clock,
    intercept: (interceptor) => interceptors.add(interceptor),
    store,
    dataFolder,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function loadCertificate(secrets: Secrets, host: string): Promise<Certificate> {
  const text = await secrets.getOrCreate("certificate.json", async () => JSON.stringify(await createCertificate(host)));
  return JSON.parse(text) as Certificate;
}

/** The name for an address to listen on: certificates and clients know this machine as `localhost`. */
function visibleName(host: string): string {
  if (["127.0.0.1", "0.0.0.0", "::", "::1", "localhost"].includes(host)) return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}
