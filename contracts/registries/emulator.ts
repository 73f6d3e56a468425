import { ContainerRegistryClient } from "@acrkit/client";
import { startEmulator } from "@acrkit/emulator";
import type { RegistryHarness } from "./registry.ts";

/** The emulator over TLS, with an Entra-like credential. */
export const emulatorHarness: RegistryHarness = {
  name: "emulator",
  missing: undefined,
  async start() {
    const emulator = await startEmulator();
    const client = new ContainerRegistryClient(emulator.endpoint, emulator.credential, {
      tlsOptions: { ca: emulator.certificate },
    });
    return { client, close: () => emulator.close() };
  },
};
