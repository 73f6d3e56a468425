import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { access, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Measured, ServerAccess } from "../contenders/work.ts";
import type { Invocation, Peer, Transfer } from "./peer.ts";

/**
 * GNU time waits for the program with wait4(2), whose usage covers whatever the program has started and waited for itself.
 * It is small, which matters: a program's peak memory begins with that of whoever starts it.
 */
const TIME = "/usr/bin/time";

/** User and system seconds, peak memory in KiB. */
const FORMAT = "%U %S %M";

/** Why commands cannot be measured here; undefined when they can. */
export async function missingTime(): Promise<string | undefined> {
  if (process.platform !== "linux") return "what other programs use is measured by Linux's means";
  return access(TIME, constants.X_OK).then(
    () => undefined,
    () => `there is no ${TIME} (Debian: apt-get install time)`,
  );
}

/** Lets a peer do one transfer, in a home that is new. */
export async function measurePeer(peer: Peer, server: ServerAccess, transfer: Transfer): Promise<Measured> {
  const home = await mkdtemp(join(tmpdir(), "acrkit-bench-home-"));
  try {
    return await measureInvocation(await peer.prepare(server, transfer, home), home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function measureInvocation(invocation: Invocation, home: string): Promise<Measured> {
  const { command, folder, environment, measuresItself = false } = invocation;
  const usage = join(home, "usage");
  const stdin = invocation.stdin === undefined ? undefined : await open(invocation.stdin, "r");
  const stdout = invocation.stdout === undefined ? undefined : await open(invocation.stdout, "w");
  const start = performance.now();
  const child = spawn(TIME, ["--output", usage, "--format", FORMAT, ...command], {
    cwd: folder,
    env: { ...environment },
    stdio: [stdin?.fd ?? "ignore", stdout?.fd ?? "pipe", "pipe"],
  });
  const said = child.stdout === null ? Promise.resolve("") : text(child.stdout);
  const complained = child.stderr === null ? Promise.resolve("") : text(child.stderr);
  const [exitCode] = (await once(child, "exit")) as [number | null];
  const seconds = (performance.now() - start) / 1000;
  await stdin?.close();
  await stdout?.close();
  if (exitCode !== 0) {
    const last = `${await said}${await complained}`.trim().split("\n").slice(-3).join("\n");
    throw new Error(`exit code ${exitCode ?? "(killed)"}: ${last}`);
  }
  if (measuresItself) return JSON.parse((await said).trim().split("\n").at(-1) ?? "") as Measured;
  const [user = Number.NaN, system = Number.NaN, peakKiB = Number.NaN] = (await readFile(usage, "utf8"))
    .trim()
    .split(" ")
    .map(Number);
  return { seconds, cpuSeconds: user + system, peakMemoryMiB: peakKiB / 1024 };
}
