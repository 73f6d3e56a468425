import { ContainerRegistryClient } from "@acrkit/client";
import { type EmulatorOptions, startEmulator } from "@acrkit/emulator";
import type { RegistryHarness } from "./registry.ts";

/** The emulator over TLS, with an Entra-like credential. */
export const emulatorHarness: RegistryHarness = emulatorAs("emulator", {});

/** The emulator uploading as zot and others do: what broke off goes on, and chunks have a minimum and a limit. */
export const otherUploadsHarness: RegistryHarness = emulatorAs("emulator with resumable uploads", {
  resumableUploads: true,
  maxPatchBytes: 4 * 2 ** 20,
  minChunkBytes: 10_000,
});

function emulatorAs(name: string, options: EmulatorOptions): RegistryHarness {
  return {
    name,
    missing: undefined,
    async start() {
      const emulator = await startEmulator(options);
      const client = new ContainerRegistryClient(emulator.endpoint, emulator.credential, {
        tlsOptions: { ca: emulator.certificate },
      });
      return { client, endpoint: emulator.endpoint, close: () => emulator.close() };
    },
  };
}
