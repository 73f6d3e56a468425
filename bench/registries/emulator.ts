import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunningServer } from "../running-server.ts";
import { missingUsage } from "./process-usage.ts";
import type { RegistryKind } from "./running-registry.ts";

/** The repository in which everything is measured; the token is good for it only. */
export const REPOSITORY = "bench/load";

/**
 * The emulator over plain HTTP, which leaves out what the two take for TLS: that is OpenSSL's or Go's affair. It wants a
 * token on every request, which is fetched beforehand. Durable means a data folder that is kept, whose files are synced.
 */
export function emulatorKind({ durable }: { readonly durable: boolean }): RegistryKind {
  return {
    missing: missingUsage,
    async start() {
      const dataFolder = durable ? await mkdtemp(join(tmpdir(), "acrkit-bench-data-")) : undefined;
      const server = await RunningServer.start({ tls: false, ...(dataFolder === undefined ? {} : { dataFolder }) });
      return {
        target: { origin: server.access.endpoint, authorization: await authorize(server) },
        processId: server.processId,
        seedTags: (repository, digest, count) => server.seedTags({ repository, digest, count }),
        async stop() {
          await server.stop();
          if (dataFolder !== undefined) await rm(dataFolder, { recursive: true, force: true });
        },
      };
    },
  };
}

async function authorize({ access: { endpoint, token } }: RunningServer): Promise<string> {
  const service = new URL(endpoint).host;
  const post = async (path: string, form: Record<string, string>) => {
    const answer = await fetch(`${endpoint}${path}`, { method: "POST", body: new URLSearchParams(form) });
    return (await answer.json()) as Record<string, string>;
  };
  const { refresh_token = "" } = await post("/oauth2/exchange", {
    grant_type: "access_token",
    service,
    access_token: token,
  });
  const scope = `repository:${REPOSITORY}:pull,push,metadata_read`;
  const { access_token } = await post("/oauth2/token", { grant_type: "refresh_token", service, scope, refresh_token });
  return `Bearer ${access_token}`;
}
