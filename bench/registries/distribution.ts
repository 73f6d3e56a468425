import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Digest } from "@acrkit/oci";
import { missingUsage } from "./process-usage.ts";
import { type RegistryKind, seededTag } from "./running-registry.ts";

const PROGRAM = "docker-registry";

/**
 * Debian's docker-registry over plain HTTP, with the cache of Debian's configuration, without a login. What it logs is thrown away.
 * It syncs the files it writes (`fileWriter` in its filesystem driver), as the durable emulator does.
 */
export const distribution: RegistryKind = {
  missing:
    missingUsage ?? (isInstalled() ? undefined : `${PROGRAM} is not installed (Debian: apt-get install ${PROGRAM})`),
  async start() {
    const folder = await mkdtemp(join(tmpdir(), "acrkit-bench-distribution-"));
    const origin = `http://127.0.0.1:${await freePort()}`;
    const config = join(folder, "config.json");
    const data = join(folder, "data");
    await writeFile(
      config,
      JSON.stringify({
        version: "0.1",
        log: { level: "error", accesslog: { disabled: true } },
        storage: {
          filesystem: { rootdirectory: data },
          cache: { blobdescriptor: "inmemory" },
          delete: { enabled: true },
        },
        http: { addr: new URL(origin).host },
      }),
    );
    const child = spawn(PROGRAM, ["serve", config], { stdio: "ignore" });
    await untilAnswering(origin, () => child.exitCode === null);
    return {
      target: { origin, authorization: undefined },
      processId: child.pid as number,
      seedTags: (repository, digest, count) => writeTags(data, repository, digest, count),
      async stop() {
        const ended = once(child, "exit");
        child.kill();
        await ended;
        await rm(folder, { recursive: true, force: true });
      },
    };
  },
};

/** Its own layout, written beside it: to push 100,000 tags would take minutes. A tag is a folder with a link to a digest. */
async function writeTags(data: string, repository: string, digest: Digest, count: number): Promise<void> {
  const tags = join(data, "docker/registry/v2/repositories", repository, "_manifests/tags");
  for (let index = 0; index < count; index++) {
    const current = join(tags, seededTag(index), "current");
    await mkdir(current, { recursive: true });
    await writeFile(join(current, "link"), digest);
  }
}

function isInstalled(): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, PROGRAM), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function untilAnswering(origin: string, isRunning: () => boolean): Promise<void> {
  for (let tries = 0; tries < 100 && isRunning(); tries++) {
    try {
      await (await fetch(`${origin}/v2/`)).arrayBuffer();
      return;
    } catch {
      await sleep(50);
    }
  }
  throw new Error(`${PROGRAM} does not answer at ${origin}`);
}
