import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ContainerRegistryClient } from "@acrkit/client";
import { freePort } from "./free-port.ts";
import { missingProgram } from "./installed.ts";
import type { RegistryHarness } from "./registry.ts";

/** CNCF distribution, as Debian packages it: the registry that most others descend from. Plain http, no login. */
export const distributionHarness: RegistryHarness = {
  name: "distribution (docker-registry)",
  missing: missingProgram("docker-registry"),
  async start() {
    const folder = await mkdtemp(join(tmpdir(), "acrkit-distribution-"));
    const port = await freePort();
    const config = join(folder, "config.json");
    await writeFile(
      config,
      JSON.stringify({
        version: "0.1",
        log: { level: "error" },
        storage: { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: true } },
        http: { addr: `127.0.0.1:${port}` },
      }),
    );
    const child = spawn("docker-registry", ["serve", config], { stdio: ["ignore", "ignore", "pipe"] });
    let output = "";
    child.stderr.on("data", (part: Buffer) => {
      output += part;
    });
    await untilAnswering(`http://127.0.0.1:${port}/v2/`, () => {
      if (child.exitCode !== null) throw new Error(`docker-registry ended with ${child.exitCode}: ${output}`);
    });
    return {
      client: new ContainerRegistryClient(`http://127.0.0.1:${port}`),
      async close() {
        const ended = once(child, "exit");
        child.kill();
        await ended;
        await rm(folder, { recursive: true, force: true });
      },
    };
  },
};

async function untilAnswering(url: string, check: () => void): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    check();
    try {
      await (await fetch(url)).arrayBuffer();
      return;
    } catch {
      await sleep(50);
    }
  }
  throw new Error(`nothing answers at ${url}`);
}
