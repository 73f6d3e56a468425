import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCommand } from "./command.ts";

/** Runs the command until it has said everything it says at its start, then stops it. */
async function run(args: readonly string[], meanwhile: (lines: string[]) => Promise<void> = async () => {}) {
  const [out, error]: [string[], string[]] = [[], []];
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const exit = runCommand({
    args,
    out: (line) => {
      out.push(line);
      if (line.startsWith("data ")) void meanwhile(out).finally(stop);
    },
    error: (line) => error.push(line),
    stopped,
  });
  return { exitCode: await exit, out, error };
}

const shown = (lines: readonly string[], name: string) =>
  lines
    .find((line) => line.startsWith(`${name} `))
    ?.slice(name.length)
    .trim() ?? "";

describe("acrkit-emulator", () => {
  it("tells endpoint, certificate, user and password, and serves until it is stopped", async () => {
    const dataFolder = await mkdtemp(join(tmpdir(), "acrkit-command-test-"));
    let status = 0;
    const { exitCode, out, error } = await run(
      ["--http", "--data", dataFolder, "--user", "me", "--password", "secret"],
      async (lines) => {
        const headers = { authorization: `Basic ${btoa("me:secret")}` };
        status = (await fetch(`${shown(lines, "endpoint")}/v2/`, { headers })).status;
      },
    );
    expect([exitCode, error, status]).toEqual([0, [], 200]);
    expect(shown(out, "endpoint")).toMatch(/^http:\/\/localhost:\d+$/);
    expect([shown(out, "user"), shown(out, "password"), shown(out, "data")]).toEqual(["me", "secret", dataFolder]);
    await rm(dataFolder, { recursive: true });
  });

  it("writes the certificate beside the data, and removes a temporary folder", async () => {
    let pem = "";
    const { out } = await run([], async (lines) => {
      pem = readFileSync(shown(lines, "certificate"), "utf8");
    });
    expect(pem).toContain("BEGIN CERTIFICATE");
    expect(existsSync(shown(out, "data"))).toBe(false);
  });

  it("passes on --host, --port, --login-server and --anonymous-pull", async () => {
    let realm = "";
    let token = 0;
    const { out } = await run(
      ["--http", "--host", "127.0.0.1", "--port", "0", "--login-server", "my.test", "--anonymous-pull"],
      async (lines) => {
        const endpoint = shown(lines, "endpoint");
        realm = (await fetch(`${endpoint}/v2/`)).headers.get("www-authenticate") ?? "";
        token = (await fetch(`${endpoint}/oauth2/token?scope=registry:catalog:*`)).status;
      },
    );
    expect(realm).toContain('service="my.test"');
    expect([token, shown(out, "user")]).toEqual([200, "my"]);
  });

  it("says what failed inside, such as an upload whose client went away", async () => {
    const { error } = await run(["--http", "--user", "me", "--password", "secret"], async (lines) => {
      const endpoint = shown(lines, "endpoint");
      const headers = { authorization: `Basic ${btoa("me:secret")}` };
      const started = await fetch(`${endpoint}/v2/app/blobs/uploads/`, { method: "POST", headers });
      const outgoing = request(endpoint + started.headers.get("location"), {
        method: "PATCH",
        headers: { ...headers, "content-length": "10" },
      });
      outgoing.on("error", () => {});
      outgoing.write("half");
      setTimeout(() => outgoing.destroy(), 100);
      await new Promise((resolve) => outgoing.on("close", () => setTimeout(resolve, 100)));
    });
    expect(error).toEqual([expect.stringMatching(/^PATCH \/v2\/app\/blobs\/uploads\/[-0-9a-f]+ failed: /)]);
  });

  it("explains itself with --help", async () => {
    const { exitCode, out } = await run(["--help"]);
    expect(exitCode).toBe(0);
    for (const option of [
      "port",
      "host",
      "data",
      "http",
      "anonymous-pull",
      "user",
      "password",
      "login-server",
      "help",
    ]) {
      expect(out.join()).toContain(`--${option}`);
    }
  });

  it.for([
    [["--nonsense"], /--nonsense/],
    [["--port", "many"], /--port many is not a port/],
    [["--port", "70000"], /not a port/],
    [["--user", "me"], /--user and --password go together/],
    [["surplus"], /surplus/],
  ] as const)("refuses %j with exit code 2", async ([args, message]) => {
    const { exitCode, error } = await run(args);
    expect(exitCode).toBe(2);
    expect(error.join()).toMatch(message);
  });

  it("says why it could not start, with exit code 1", async () => {
    const { exitCode, error } = await run(["--http", "--data", import.meta.filename]);
    expect(exitCode).toBe(1);
    expect(error.join()).toMatch(/could not start: /);
  });
});
