import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../registries/free-port.ts";
import { fences } from "./extract.ts";

// The command lines of docs/emulator.md, one after the other in one folder, as its reader would type them. Blocks that start an
// emulator go on in the background.

const repository = join(import.meta.dirname, "../..");
const main = join(repository, "packages/emulator/src/main.ts");

const markdown = await readFile(join(repository, "docs/emulator.md"), "utf8");
const blocks = fences(markdown).filter(({ info }) => info === "sh runnable");

const isInstalled = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
const missing = ["bash", "curl", "skopeo", "umoci"].filter((program) => !isInstalled(program));
if (missing.length > 0) console.log(`SKIPPED: the commands of docs/emulator.md: ${missing.join(", ")} not installed`);

describe.skipIf(missing.length > 0)("the commands of docs/emulator.md", () => {
  let folder = "";
  const ports = new Map<string, number>();
  const emulators: ChildProcess[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "acrkit-commands-"));
    // The image that the reader has at hand.
    await shell("umoci init --layout ./images && umoci new --image ./images:v1");
    for (const [port = ""] of markdown.matchAll(/\b5[01]0[1-3]\b/g))
      if (!ports.has(port)) ports.set(port, await freePort());
  });
  afterAll(async () => {
    for (const emulator of emulators) {
      const closed = once(emulator, "close");
      emulator.kill("SIGTERM");
      await closed;
    }
    await rm(folder, { recursive: true, force: true });
  });

  const runnable = (code: string) => code.replace(/\b5[01]0[1-3]\b/g, (port) => String(ports.get(port)));

  const shell = async (code: string) => {
    const child = spawn("bash", ["-euo", "pipefail", "-c", code], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    const said = collect(child);
    const [exitCode] = await once(child, "close");
    return { exitCode, said: said() };
  };

  test("there are some", () => {
    expect(blocks.length).toBeGreaterThan(2);
  });

  test.each(blocks.map(({ line, code }) => ({ line, code })))("line $line", async ({ code }) => {
    const commands = runnable(code);
    if (!commands.includes("npx --no acrkit-emulator")) {
      const { exitCode, said } = await shell(commands);
      expect(exitCode, `${commands}\n${said}`).toBe(0);
      return;
    }
    const bin = join(folder, "acrkit-emulator");
    await writeFile(bin, `exec ${process.execPath} --conditions=@acrkit/source ${main} "$@"\n`, { mode: 0o755 });
    const child = spawn("bash", ["-euc", commands.replace("npx --no acrkit-emulator", `exec bash ${bin}`)], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    emulators.push(child);
    const said = collect(child);
    await expect.poll(said, { timeout: 30_000, message: commands }).toMatch(/^data /m);
  });
});

function collect(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (part) => {
      text += part;
    });
  }
  return () => text;
}
