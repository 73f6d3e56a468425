import { ContainerRegistryClient } from "@acrkit/client";
import { MediaType } from "@acrkit/oci";
import { staticCredential } from "../contenders/contender.ts";
import type { ContenderName } from "../contenders/contenders.ts";
import type { ServerAccess } from "../contenders/work.ts";
import { measure } from "../measure.ts";
import { interleave, medians } from "../rounds.ts";
import { RunningServer } from "../running-server.ts";
import { type RowGroup, toRow } from "./row.ts";

const CALLS = 1_000;
const REPOSITORIES = Array.from({ length: 10 }, (_, index) => `bench/repository-${index}`);

const LIBRARIES = ["acrkit", "floor", "@azure/container-registry"] as const satisfies readonly ContenderName[];

/** 1,000 calls that alternate between ten repositories: how many get by with one request, and how many a second. */
export const requestRows: RowGroup = {
  names: ["requests-per-call", "calls-per-second"],
  async run({ rounds }) {
    const server = await RunningServer.start();
    try {
      await seed(server.access);
      const work = { kind: "read-tags", repositories: REPOSITORIES, tag: "v1", calls: CALLS } as const;
      const results = await interleave(LIBRARIES, rounds, async (contender) => {
        await server.countRequests();
        const { seconds } = await measure({ contender, access: server.access, work });
        return { seconds, requests: await server.countRequests() };
      });
      return [
        toRow(
          "requests-per-call",
          "calls per request",
          medians(results, ({ requests }) => CALLS / requests),
        ),
        toRow(
          "calls-per-second",
          "calls/s",
          medians(results, ({ seconds }) => CALLS / seconds),
        ),
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
