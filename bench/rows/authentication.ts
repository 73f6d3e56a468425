import { ContainerRegistryClient } from "@acrkit/client";
import { startEmulator } from "@acrkit/emulator";
import { ContainerRegistryClient as OfficialClient } from "@azure/container-registry";
import { staticCredential } from "../contenders/contender.ts";
import { type RowGroup, toRow } from "./row.ts";

const CALLS = 1_000;
const IN_FLIGHT = 20;
const REPOSITORIES = Array.from({ length: 50 }, (_, index) => `bench/repository-${index}`);

/** One call of each library: a repository's properties, whose scope differs from repository to repository. */
type Read = (repository: string) => Promise<unknown>;

/**
 * Requests, all token traffic included, counted where they arrive: what they are does not change from run to run, so that one
 * is enough.
 */
export const authenticationRows: RowGroup = {
  names: ["auth-alternating", "auth-cold-start"],
  async run() {
    const emulator = await startEmulator();
    try {
      for (const name of REPOSITORIES) seed(name);
      const { token } = await emulator.credential.getToken("https://containerregistry.azure.net/.default");
      const trust = { tlsOptions: { ca: emulator.certificate } };
      const libraries: Readonly<Record<string, () => Read>> = {
        acrkit() {
          const client = new ContainerRegistryClient(emulator.endpoint, staticCredential(token), trust);
          return (repository) => client.getRepositoryProperties(repository);
        },
        "@azure/container-registry"() {
          const client = new OfficialClient(emulator.endpoint, staticCredential(token), trust);
          return (repository) => client.getRepository(repository).getProperties();
        },
      };
      const alternating: Record<string, number> = {};
      const cold: Record<string, number> = {};
      for (const [name, create] of Object.entries(libraries)) {
        alternating[name] = CALLS / (await count(() => inFlight(create(), CALLS)));
        cold[name] = 1 / (await count(() => inFlight(create(), 1)));
      }
      return [
        toRow("auth-alternating", "calls per request", alternating),
        toRow("auth-cold-start", "first answers per request", cold),
      ];
    } finally {
      await emulator.close();
    }

    function seed(name: string): void {
      const time = "2023-01-01T00:00:00Z";
      const attributes = { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true };
      emulator.store.repositories.put({ name, createdTime: time, lastUpdateTime: time, attributes });
    }

    async function count(work: () => Promise<void>): Promise<number> {
      emulator.requests.clear();
      await work();
      return emulator.requests.entries.length;
    }
  },
};

async function inFlight(read: Read, calls: number): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < calls) await read(REPOSITORIES[next++ % REPOSITORIES.length] ?? "");
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, calls) }, lane));
}
