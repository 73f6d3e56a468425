import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ContainerRegistryClient } from "@acrkit/client";
import { freePort } from "./free-port.ts";
import type { RegistryUnderTest } from "./registry.ts";

/** Starts `program serve <config>` with a data folder and a port of its own, and waits until it answers. */
export async function servedBy(
  program: string,
  configure: (dataFolder: string, port: number) => object,
): Promise<RegistryUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), `acrkit-${program}-`));
  const port = await freePort();
  const config = join(folder, "config.json");
  await writeFile(config, JSON.stringify(configure(join(folder, "data"), port)));
  const child = spawn(program, ["serve", config], { stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  child.stderr.on("data", (part: Buffer) => {
    output += part;
  });
  const endpoint = `http://127.0.0.1:${port}`;
  await untilAnswering(`${endpoint}/v2/`, () => {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}: ${output}`);
  });
  return {
    client: new ContainerRegistryClient(endpoint),
    endpoint,
    async close() {
      const ended = once(child, "exit");
      child.kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

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
