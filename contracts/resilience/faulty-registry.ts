import { Readable } from "node:stream";
import { ContainerRegistryClient, type ContainerRegistryClientOptions } from "@acrkit/client";
import {
  type Emulator,
  type EmulatorRequest,
  type EmulatorResponse,
  Faults,
  type RegistryOptions,
  startEmulator,
} from "@acrkit/emulator";

/** What the registry did, whether or not the client was told. */
export interface Act {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly status: number;
  readonly location: string | undefined;
}

/** A client together with the faults that its requests meet, and no other's. */
export interface Patient {
  readonly client: ContainerRegistryClient;
  readonly faults: Faults;
  /** What the registry did at its request, behind the faults. */
  readonly acts: readonly Act[];
  /** Called with the bytes of content that have come to the registry, or left the storage, so far. */
  watchBytes(watcher: (bytes: number) => void): void;
}

/** One emulator for any number of clients at a time, each with faults of its own. */
export interface FaultyRegistry {
  readonly emulator: Emulator;
  /** A client whose requests meet no fault. */
  readonly calm: ContainerRegistryClient;
  patient(name: string, seed: number, options?: ContainerRegistryClientOptions, login?: "password"): Patient;
  close(): Promise<void>;
}

/** How often a patient tries again in a row. */
export const MAX_RETRIES = 3;

/** Retries at once: a test waits for nothing but what the registry itself asks for. */
const IMPATIENT: ContainerRegistryClientOptions = {
  retryOptions: { maxRetries: MAX_RETRIES, retryDelayInMs: 1, maxRetryDelayInMs: 5 },
};

export async function startFaultyRegistry(options: RegistryOptions = {}): Promise<FaultyRegistry> {
  const patients = new Map<string, Chart>();
  // The time of tokens and links is off for a request that meets such a fault.
  let skewMs = () => 0;
  const emulator = await startEmulator({ ...options, tls: false, now: () => Date.now() + skewMs() });
  skewMs = () => [...patients.values()].find(({ faults }) => faults.skewMs !== 0)?.faults.skewMs ?? 0;
  emulator.intercept((request, next) => {
    // The user agent goes along everywhere: to the token endpoints, and to the storage.
    const name = /^patient-(\S+)/.exec(request.headers["user-agent"] ?? "")?.[1];
    const patient = name === undefined ? undefined : patients.get(name);
    if (patient === undefined) return next(request);
    const { faults, acts } = patient;
    return faults.around(async (received) => {
      const response = await next(received.method === "GET" ? received : watched(received, patient));
      const location = response.headers.find(([header]) => header.toLowerCase() === "location")?.[1];
      acts.push({ ...addressOf(received), status: response.status, location });
      return received.origin === "storage" ? watched(response, patient) : response;
    })(request);
  });
  return {
    emulator,
    calm: new ContainerRegistryClient(emulator.endpoint, emulator.credential),
    patient(name, seed, clientOptions = {}, login = undefined) {
      const faults = new Faults({ seed });
      const chart: Chart = { faults, acts: [], bytes: 0, watcher: undefined };
      patients.set(name, chart);
      const credential = login === "password" ? emulator.admin : emulator.credential;
      const client = new ContainerRegistryClient(emulator.endpoint, credential, {
        ...IMPATIENT,
        userAgentOptions: { userAgentPrefix: `patient-${name}` },
        ...clientOptions,
      });
      return {
        client,
        faults,
        acts: chart.acts,
        watchBytes(watcher) {
          chart.watcher = watcher;
        },
      };
    },
    async close() {
      for (const { faults } of patients.values()) faults.close();
      await emulator.close();
    },
  };
}

/** What is noted of a patient. */
interface Chart {
  readonly faults: Faults;
  readonly acts: Act[];
  bytes: number;
  watcher: ((bytes: number) => void) | undefined;
}

/** The same with a body that is counted, where somebody wants to know. */
function watched<T extends { readonly body?: EmulatorResponse["body"] }>(message: T, chart: Chart): T {
  const { body } = message;
  if (chart.watcher === undefined || body === undefined || body instanceof Uint8Array) return message;
  const counted = async function* () {
    for await (const part of body) {
      chart.bytes += part.byteLength;
      chart.watcher?.(chart.bytes);
      yield part;
    }
  };
  const stream = Readable.from(counted(), { objectMode: false, highWaterMark: 0 });
  // It may break off when nobody reads it any more.
  stream.on("error", () => {});
  return { ...message, body: stream };
}

function addressOf({ method, path, query }: EmulatorRequest): Pick<Act, "method" | "path" | "query"> {
  return { method, path, query };
}
