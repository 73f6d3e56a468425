import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerRegistryClient } from "@acrkit/client";

/** The registry that the quickstart works with. */
export interface QuickstartRegistry {
  readonly client: ContainerRegistryClient;
  readonly description: string;
  close(): Promise<void>;
}

/** `CONTAINERREGISTRY_ENDPOINT` with `DefaultAzureCredential` where it is set, else a local one, made for this run. */
export async function openRegistry(): Promise<QuickstartRegistry> {
  const endpoint = process.env.CONTAINERREGISTRY_ENDPOINT;
  if (endpoint !== undefined && endpoint !== "") {
    const { DefaultAzureCredential } = await import("@azure/identity");
    const client = new ContainerRegistryClient(endpoint, new DefaultAzureCredential());
    return { client, description: `${client.endpoint} (DefaultAzureCredential)`, close: async () => {} };
  }
  const { startEmulator } = await import("@acrkit/emulator");
  const dataFolder = await mkdtemp(join(tmpdir(), "acrkit-quickstart-data-"));
  const emulator = await startEmulator({ dataFolder });
  const client = new ContainerRegistryClient(emulator.endpoint, emulator.credential, {
    tlsOptions: { ca: emulator.certificate as string },
  });
  return {
    client,
    description: `${client.endpoint} (local, TLS, token login, data in ${dataFolder})`,
    async close() {
      await emulator.close();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}
