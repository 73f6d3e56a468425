import { ContainerRegistryClient, type ContainerRegistryClientOptions } from "@acrkit/client";
import { type Emulator, Faults, startEmulator } from "@acrkit/emulator";

/** A client together with the faults that its requests meet, and no other's. */
export interface Patient {
  readonly client: ContainerRegistryClient;
  readonly faults: Faults;
}

/** One emulator for any number of clients at a time, each with faults of its own. */
export interface FaultyRegistry {
  readonly emulator: Emulator;
  /** A client whose requests meet no fault. */
  readonly calm: ContainerRegistryClient;
  patient(name: string, seed: number, options?: ContainerRegistryClientOptions, login?: "password"): Patient;
  close(): Promise<void>;
}

/** Retries at once: a test waits for nothing but what the registry itself asks for. */
const IMPATIENT: ContainerRegistryClientOptions = {
  retryOptions: { maxRetries: 3, retryDelayInMs: 1, maxRetryDelayInMs: 5 },
};

export async function startFaultyRegistry(): Promise<FaultyRegistry> {
  const patients = new Map<string, Faults>();
  // The time of tokens and links is off for a request that meets such a fault.
  let skewMs = () => 0;
  const emulator = await startEmulator({ tls: false, now: () => Date.now() + skewMs() });
  skewMs = () => [...patients.values()].find((faults) => faults.skewMs !== 0)?.skewMs ?? 0;
  emulator.intercept((request, next) => {
    // The user agent goes along everywhere: to the token endpoints, and to the storage.
    const name = /^patient-(\S+)/.exec(request.headers["user-agent"] ?? "")?.[1];
    const faults = name === undefined ? undefined : patients.get(name);
    return faults === undefined ? next(request) : faults.around(next)(request);
  });
  return {
    emulator,
    calm: new ContainerRegistryClient(emulator.endpoint, emulator.credential),
    patient(name, seed, options = {}, login = undefined) {
      const faults = new Faults({ seed });
      patients.set(name, faults);
      const credential = login === "password" ? emulator.admin : emulator.credential;
      const client = new ContainerRegistryClient(emulator.endpoint, credential, {
        ...IMPATIENT,
        userAgentOptions: { userAgentPrefix: `patient-${name}` },
        ...options,
      });
      return { client, faults };
    },
    async close() {
      for (const faults of patients.values()) faults.close();
      await emulator.close();
    },
  };
}
