import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";

let child: ChildProcess | undefined;
afterEach(() => {
  child?.kill("SIGKILL");
});

/** The command as a process; gives what it said at its start. */
async function start(...options: readonly string[]) {
  const args = ["--conditions=@acrkit/source", join(import.meta.dirname, "main.ts"), "--http", "--log", "json"];
  const started = spawn(process.execPath, [...args, ...options], { stdio: ["ignore", "pipe", "inherit"] });
  child = started;
  let out = "";
  started.stdout.on("data", (part) => {
    out += part;
  });
  await expect.poll(() => out, { timeout: 30_000 }).toContain("\n");
  const { endpoint, dataFolder } = JSON.parse(out.split("\n")[0] ?? "") as { endpoint: string; dataFolder: string };
  return { process: started, endpoint, dataFolder, closed: once(started, "close") };
}

/** A request that does not come to its end. */
async function hang(endpoint: string) {
  const { hostname, port } = new URL(endpoint);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write("POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ngrant_type=");
  await sleep(100);
  return socket;
}

describe("the process", () => {
  it.for(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "stops at %s, and takes its temporary folder with it",
    async (signal) => {
      const { process: command, dataFolder, closed } = await start();
      command.kill(signal);
      expect(await closed).toEqual([0, null]);
      expect(existsSync(dataFolder)).toBe(false);
    },
  );

  it("takes two signals at once for one, as npm sends them, and ends at a later one", async () => {
    const { process: command, endpoint, dataFolder, closed } = await start();
    const socket = await hang(endpoint);
    command.kill("SIGINT");
    command.kill("SIGINT");
    await sleep(1000);
    expect(command.exitCode).toBeNull();
    command.kill("SIGINT");
    expect(await closed).toEqual([130, null]);
    expect(existsSync(dataFolder)).toBe(false);
    socket.destroy();
  });

  it("cuts what does not end within its grace", { timeout: 60_000 }, async () => {
    const { process: command, endpoint, closed } = await start();
    const socket = await hang(endpoint);
    command.kill("SIGTERM");
    expect(await closed).toEqual([0, null]);
    socket.destroy();
  });

  it("goes on when nobody reads what it says", async () => {
    const { process: command, endpoint, closed } = await start();
    command.stdout?.destroy();
    for (let index = 0; index < 5; index++) expect((await fetch(`${endpoint}/v2/`)).status).toBe(401);
    command.kill("SIGTERM");
    expect(await closed).toEqual([0, null]);
  });
});
