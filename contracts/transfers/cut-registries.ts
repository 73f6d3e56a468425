import { ContainerRegistryClient, type ContainerRegistryClientOptions } from "@acrkit/client";
import { type Emulator, type HeaderLine, type RegistryOptions, startEmulator } from "@acrkit/emulator";
import type { RegistryHarness } from "../registries/registry.ts";
import { type CuttingProxy, startCuttingProxy, type Way } from "./cutting-proxy.ts";

/** A registry, to be reached through proxies that cut. */
export interface CutRegistry {
  /** Meets no proxy. */
  readonly calm: ContainerRegistryClient;
  through(way: Way, points: readonly number[]): Promise<Connected>;
  close(): Promise<void>;
}

export interface Connected {
  readonly client: ContainerRegistryClient;
  readonly proxy: CuttingProxy;
}

/** How to get one. */
export interface CutRegistryHarness {
  readonly name: string;
  readonly missing: string | undefined;
  /** Whether it says how far an upload has come. */
  readonly resumes: boolean;
  start(): Promise<CutRegistry>;
}

const PATIENT: ContainerRegistryClientOptions = { retryOptions: { retryDelayInMs: 10, maxRetryDelayInMs: 50 } };

export function emulated(name: string, options: RegistryOptions): CutRegistryHarness {
  return {
    name,
    missing: undefined,
    resumes: options.resumableUploads ?? false,
    async start() {
      const emulator = await startEmulator({ ...options, tls: false });
      return {
        calm: new ContainerRegistryClient(emulator.endpoint, emulator.credential),
        async through(way, points) {
          const target = new URL(way === "up" ? emulator.endpoint : emulator.storageEndpoint);
          const proxy = await startCuttingProxy(target, way, points);
          if (way === "down") leadTo(emulator, proxy.port);
          const endpoint = way === "up" ? `http://localhost:${proxy.port}` : emulator.endpoint;
          return { client: new ContainerRegistryClient(endpoint, emulator.credential, PATIENT), proxy };
        },
        close: () => emulator.close(),
      };
    },
  };
}

/** From now on, downloads are sent to this port instead of the storage's. */
export function leadTo(emulator: Emulator, port: number): void {
  emulator.intercept(async (request, next) => {
    const response = await next(request);
    if (response.status !== 307) return response;
    const headers = response.headers.map(
      ([name, value]): HeaderLine =>
        name === "Location" ? [name, value.replace(/:\d+\//, `:${port}/`)] : [name, value],
    );
    return { ...response, headers };
  });
}

export function served(harness: RegistryHarness, resumes: boolean): CutRegistryHarness {
  return {
    name: harness.name,
    missing: harness.missing,
    resumes,
    async start() {
      const { client: calm, endpoint, close } = await harness.start();
      return {
        calm,
        async through(way, points) {
          const proxy = await startCuttingProxy(new URL(endpoint), way, points);
          return { client: new ContainerRegistryClient(`http://127.0.0.1:${proxy.port}`, undefined, PATIENT), proxy };
        },
        close,
      };
    },
  };
}
