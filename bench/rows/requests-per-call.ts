import { ContainerRegistryClient } from "@acrkit/client";
import { MediaType } from "@acrkit/oci";
import { staticCredential } from "../contenders/contender.ts";
import { CONTENDERS, type ContenderName } from "../contenders/contenders.ts";
import { measure, median } from "../measure.ts";
import { RunningServer, type ServerAccess } from "../running-server.ts";
import { type RowGroup, toRow } from "./row.ts";

const CALLS = 1_000;
const REPOSITORIES = Array.from({ length: 10 }, (_, index) => `bench/repository-${index}`);

/** 1,000 calls that alternate between ten repositories: how many get by with one request, and how many a second. */
export const requestRows: RowGroup = {
  names: ["requests-per-call", "calls-per-second"],
  async run({ rounds }) {
    const server = await RunningServer.start();
    try {
      await seed(server.access);
      const names = Object.keys(CONTENDERS) as ContenderName[];
      const requests = new Map<ContenderName, number[]>(names.map((name) => [name, []]));
      const seconds = new Map<ContenderName, number[]>(names.map((name) => [name, []]));
      for (let round = 0; round < rounds; round++) {
        for (const contender of names) {
          await server.countRequests();
          const work = { kind: "read-tags", repositories: REPOSITORIES, tag: "v1", calls: CALLS } as const;
          const measured = await measure({ contender, access: server.access, work });
          requests.get(contender)?.push(await server.countRequests());
          seconds.get(contender)?.push(measured.seconds);
        }
      }
      const of = (values: ReadonlyMap<ContenderName, number[]>, name: ContenderName) =>
        CALLS / median(values.get(name) ?? []);
      return [
        toRow("requests-per-call", "calls per request", (name) => of(requests, name)),
        toRow("calls-per-second", "calls/s", (name) => of(seconds, name)),
      ];
    } finally {
      await server.stop();
    }
  },
};

async function seed({ endpoint, certificate, token }: ServerAccess): Promise<void> {
  const client = new ContainerRegistryClient(endpoint, staticCredential(token), { tlsOptions: { ca: certificate } });
  for (const repository of REPOSITORIES) {
    const config = await client.uploadBlob(repository, "{}");
    const descriptor = { mediaType: MediaType.ociConfig, digest: config.digest, size: config.sizeInBytes };
    await client.setManifest(repository, { schemaVersion: 2, config: descriptor, layers: [] }, { tag: "v1" });
  }
}
