import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { digestOf, MediaType } from "@acrkit/oci";
import { describe, expect, it } from "vitest";
import { runCommand } from "./command.ts";
import { startEmulator } from "./emulator.ts";
import { OPTIONS } from "./terminal/options.ts";

/** Runs the command until it has said everything it says at its start, then stops it. */
async function run(
  args: readonly string[],
  meanwhile: (lines: string[]) => Promise<void> = async () => {},
  env: Readonly<Record<string, string>> = {},
) {
  const [out, error]: [string[], string[]] = [[], []];
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const exit = runCommand({
    args,
    env,
    isColored: false,
    out: (line) => {
      out.push(line);
      if (line.startsWith("data ") || line.startsWith('{"event":"started"')) void meanwhile(out).finally(stop);
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
    expect([shown(out, "user"), shown(out, "data")]).toEqual(["me", dataFolder]);
    expect(out.join()).not.toContain("secret");
    await rm(dataFolder, { recursive: true });
  });

  it("writes the certificate beside the data, and removes a temporary folder", async () => {
    let pem = "";
    const { out } = await run([], async (lines) => {
      pem = readFileSync(shown(lines, "certificate"), "utf8");
    });
    expect(pem).toContain("BEGIN CERTIFICATE");
    expect(out.join("\n")).toContain(`export NODE_EXTRA_CA_CERTS=${shown(out, "certificate")}`);
    expect(out.join("\n")).toMatch(/^ {2}export AZURE_CLIENT_ID=/m);
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

  it("passes on how other registries upload: --resumable-uploads, --max-patch, --min-chunk, --max-requests", async () => {
    const args = ["--resumable-uploads", "--max-patch", "1K", "--min-chunk", "10", "--max-requests", "1"];
    await run(["--http", "--user", "me", "--password", "secret", ...args], async (lines) => {
      const headers = { authorization: `Basic ${btoa("me:secret")}` };
      const send = (method: string, path: string, body?: string) =>
        fetch(shown(lines, "endpoint") + path, { method, body: body ?? null, headers });
      const started = await send("POST", "/v2/app/blobs/uploads/");
      expect(started.headers.get("oci-chunk-min-length")).toBe("10");
      const location = started.headers.get("location") ?? "";
      expect((await send("PATCH", location, "x".repeat(1025))).status).toBe(413);
      expect((await send("PATCH", location, "x".repeat(10))).status).toBe(202);
      expect((await send("GET", location)).headers.get("range")).toBe("0-9");
      // One that is under way for as long as its body has no end.
      let end = () => {};
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(Buffer.from("0123456789"));
          end = () => controller.close();
        },
      });
      const url = shown(lines, "endpoint") + location;
      const writing = fetch(url, { method: "PATCH", body, headers, duplex: "half" });
      while ((await send("GET", "/acr/v1/_catalog")).status !== 429) await sleep(5);
      end();
      expect((await writing).headers.get("range")).toBe("0-19");
    });
  });

  it("passes on the registry's policies: --soft-delete, --quarantine, --quota, --abac", async () => {
    const args = ["--soft-delete", "3", "--quarantine", "--quota", "1K", "--abac"];
    await run(["--http", "--user", "me", "--password", "secret", ...args], async (lines) => {
      const headers = { authorization: `Basic ${btoa("me:secret")}` };
      const send = (method: string, path: string, body?: string, more = {}) =>
        fetch(shown(lines, "endpoint") + path, { method, body: body ?? null, headers: { ...headers, ...more } });
      const push = async (content: string) => {
        const digest = digestOf(Buffer.from(content));
        const started = await send("POST", "/v2/app/blobs/uploads/");
        return (await send("PUT", `${started.headers.get("location")}&digest=${digest}`, content)).status;
      };
      expect([await push("x".repeat(1025)), await push("{}")]).toEqual([405, 201]);
      const config = { mediaType: MediaType.ociConfig, digest: digestOf(Buffer.from("{}")), size: 2 };
      const manifest = JSON.stringify({ schemaVersion: 2, config, layers: [] });
      const type = { "content-type": MediaType.ociManifest, accept: MediaType.ociManifest };
      const pushed = await send("PUT", "/v2/app/manifests/v1", manifest, type);
      const path = `/v2/app/manifests/${pushed.headers.get("docker-content-digest")}`;
      // The admin user may do everything, in quarantine too.
      expect((await send("GET", path, undefined, type)).status).toBe(200);
      expect((await send("DELETE", path)).status).toBe(202);
      const bin = await send("GET", "/acr/v1/_deleted/app/_manifests");
      expect(((await bin.json()) as { manifests: unknown[] }).manifests).toHaveLength(1);
    });
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

  it("explains itself with --help, option by option, in lines that fit", async () => {
    const { exitCode, out } = await run(["--help"]);
    expect(exitCode).toBe(0);
    for (const option of Object.keys(OPTIONS)) expect(out.join()).toContain(`--${option}`);
    for (const line of out.join("\n").split("\n")) expect(line.length, line).toBeLessThanOrEqual(120);
  });

  it("tells its version", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    expect(await run(["--version"])).toEqual({ exitCode: 0, out: [version], error: [] });
  });

  it("shows each request in a line", async () => {
    const { out } = await run(["--http"], async (lines) => {
      const headers = { authorization: `Basic ${btoa(`acrkit:${shown(lines, "password")}`)}` };
      const endpoint = shown(lines, "endpoint");
      const started = await fetch(`${endpoint}/v2/app/blobs/uploads/`, { method: "POST", headers });
      await fetch(endpoint + started.headers.get("location"), { method: "PATCH", headers, body: "x".repeat(3000) });
      await (await fetch(`${endpoint}/v2/a%1b[2Jb?n=1&sig=s3cret`)).text();
    });
    const requests = out.filter((line) => /^\d\d:\d\d:\d\d /.test(line));
    expect(requests).toEqual([
      expect.stringMatching(/ 202 {2}POST {4}\/v2\/app\/blobs\/uploads\/ {2}[\d.]+ ms, startUpload$/),
      expect.stringMatching(
        / 202 {2}PATCH {3}\/v2\/app\/\S+\?\S*_state=REDACTED {2}2\.9 KiB in, [\d.]+ ms, patchUpload$/,
      ),
      expect.stringMatching(/ 404 {2}GET {5}\/v2\/a%1b\[2Jb\?n=1&sig=REDACTED {2}19 B out, [\d.]+ ms$/),
    ]);
  });

  it("writes JSON lines for programs, and nothing with --quiet", async () => {
    const asks = async (lines: string[]) => {
      const { endpoint } = JSON.parse(lines[0] ?? "");
      await fetch(`${endpoint}/v2/`, { headers: { authorization: "Bearer s3cret" } });
    };
    const { out } = await run(["--http", "--log", "json", "--registry", "team"], asks);
    const [started, request] = out.map((line) => JSON.parse(line));
    expect(started).toMatchObject({
      event: "started",
      endpoint: expect.stringMatching(/^http:/),
      registries: { team: expect.stringMatching(/^http:/) },
      admin: { username: "acrkit" },
      environment: { AZURE_CLIENT_ID: expect.any(String) },
    });
    expect(request).toMatchObject({
      event: "request",
      method: "GET",
      path: "/v2/",
      status: 401,
      operation: "checkApi",
    });
    expect(out.join()).not.toContain("s3cret");
    const quiet = await run(["--http", "--quiet"], async (lines) => {
      await fetch(`${shown(lines, "endpoint")}/v2/`);
    });
    expect(quiet.out.join("\n")).not.toContain("/v2/");
  });

  it("takes the password from a file or the environment", async () => {
    const folder = await mkdtemp(join(tmpdir(), "acrkit-command-test-"));
    const file = join(folder, "password");
    await writeFile(file, "from a file\n");
    const login = async (args: readonly string[], password: string, env = {}) => {
      let status = 0;
      await run(
        ["--http", ...args],
        async (lines) => {
          const headers = { authorization: `Basic ${btoa(`acrkit:${password}`)}` };
          status = (await fetch(`${shown(lines, "endpoint")}/v2/`, { headers })).status;
        },
        env,
      );
      return status;
    };
    expect(await login(["--password-file", file], "from a file")).toBe(200);
    const env = { ACRKIT_EMULATOR_PASSWORD: "from the environment" };
    expect(await login([], "from the environment", env)).toBe(200);
    expect(await login(["--password", "given"], "given", env)).toBe(200);
    expect(await login(["--no-admin-user"], "from the environment", env)).toBe(401);
    await rm(folder, { recursive: true });
  });

  it("has further registries and repository tokens", async () => {
    let answers: unknown[] = [];
    const { out } = await run(["--http", "--registry", "team", "--token", "ci"], async (lines) => {
      const [name, password] = shown(lines, "token").split(/ +/);
      const headers = { authorization: `Basic ${btoa(`${name}:${password}`)}` };
      const [team, endpoint = ""] = shown(lines, "registry").split(/ +/);
      answers = [
        team,
        (await fetch(`${shown(lines, "endpoint")}/v2/`, { headers })).status,
        (await fetch(`${endpoint}/v2/`, { headers })).status,
      ];
    });
    expect(answers).toEqual(["team", 200, 401]);
    // The library takes no Entra ID without TLS.
    expect(out.join("\n")).not.toContain("AZURE_CLIENT_ID");
  });

  it("begins with the images of a layout, in a repository named like the folder or as it is told", async () => {
    const folder = await mkdtemp(join(tmpdir(), "acrkit-command-test-"));
    const source = await startEmulator({ tls: false });
    const digest = await source.store.blobs.put("app", Buffer.from("{}"));
    const headers = { authorization: `Basic ${btoa(`${source.admin?.username}:${source.admin?.password}`)}` };
    const put = await fetch(`${source.endpoint}/v2/app/manifests/v1`, {
      method: "PUT",
      headers: { ...headers, "content-type": MediaType.ociManifest },
      body: JSON.stringify({
        schemaVersion: 2,
        mediaType: MediaType.ociManifest,
        config: { mediaType: MediaType.ociEmpty, digest, size: 2 },
        layers: [],
      }),
    });
    expect(put.status).toBe(201);
    const layout = join(folder, "my-app");
    await source.exportLayout(layout, { repository: "app" });
    await source.close();
    const tags: unknown[] = [];
    await run(["--http", "--seed", layout, "--seed", `${layout}=team/app`, "--anonymous-pull"], async (lines) => {
      const basic = `Basic ${btoa(`acrkit:${shown(lines, "password")}`)}`;
      for (const name of ["my-app", "team/app"]) {
        const url = `${shown(lines, "endpoint")}/v2/${name}/tags/list`;
        tags.push(await (await fetch(url, { headers: { authorization: basic } })).json());
      }
    });
    expect(tags).toEqual([
      { name: "my-app", tags: ["v1"] },
      { name: "team/app", tags: ["v1"] },
    ]);
    const missing = await run(["--http", "--seed", join(folder, "nothing")]);
    expect(missing).toMatchObject({
      exitCode: 1,
      error: [expect.stringMatching(/could not start: --seed .*nothing: /)],
    });
    await rm(folder, { recursive: true });
  });

  it("has the faults of a script, and those that requests ask for", async () => {
    const folder = await mkdtemp(join(tmpdir(), "acrkit-command-test-"));
    const script = join(folder, "faults.json");
    await writeFile(
      script,
      '{ "faults": [{ "path": "/v2/", "times": 1, "fault": { "kind": "error", "status": 503 } }] }',
    );
    const statuses: number[] = [];
    await run(["--http", "--faults", script, "--fault-header"], async (lines) => {
      const ask = async (headers = {}) => (await fetch(`${shown(lines, "endpoint")}/v2/`, { headers })).status;
      statuses.push(await ask(), await ask(), await ask({ "x-acrkit-fault": "error;status=500" }), await ask());
    });
    expect(statuses).toEqual([503, 401, 500, 401]);
    await writeFile(script, '{ "faults": [{ "fault": { "kind": "gremlins" } }] }');
    const wrong = await run(["--http", "--faults", script]);
    expect(wrong).toMatchObject({ exitCode: 2, error: [expect.stringMatching(/^--faults: .*gremlins/)] });
    await rm(folder, { recursive: true });
  });

  it("warns when others can reach it", async () => {
    const { error } = await run(["--http", "--host", "0.0.0.0", "--anonymous-pull"]);
    expect(error.join()).toMatch(
      /^WARNING: ANYONE WHO CAN REACH THIS MACHINE[\s\S]*Without TLS[\s\S]*without a password/,
    );
  });

  it("lets requests under way end when it is stopped", async () => {
    let text: Promise<string> | undefined;
    const { exitCode } = await run(["--http", "--anonymous-pull"], async (lines) => {
      const { hostname, port } = new URL(shown(lines, "endpoint"));
      const socket = connect(Number(port), hostname);
      socket.write("POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 19\r\n\r\ngrant_");
      await once(socket, "connect");
      text = new Promise((resolve) => {
        let received = "";
        socket.on("data", (part) => {
          received += part;
        });
        socket.on("close", () => resolve(received));
      });
      // The command is stopped meanwhile.
      setTimeout(() => socket.write("type=password"), 300);
      await sleep(100);
    });
    expect(exitCode).toBe(0);
    expect(await text).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*access_token/);
  });

  it("tells a health check that it is well, and keeps that out of the log", async () => {
    let answer: Response | undefined;
    const { out } = await run(["--http"], async (lines) => {
      answer = await fetch(`${shown(lines, "endpoint")}/healthz`);
      expect(await answer.text()).toBe("ok\n");
    });
    expect(answer?.status).toBe(200);
    expect(out.join()).not.toContain("/healthz");
  });

  it.for([
    [["--nonsense"], /--nonsense/],
    [["--port", "many"], /--port many is not a port/],
    [["--port", "70000"], /not a port/],
    [["--soft-delete", "0"], /--soft-delete 0 is no retention/],
    [["--soft-delete", "91"], /from 1 to 90/],
    [["--quota", "lots"], /--quota lots is no size/],
    [["--quota", "-1"], /--quota/],
    [["--max-patch", "big"], /--max-patch big is no size/],
    [["--max-requests", "0"], /--max-requests 0 is no limit/],
    [["--entra-port", "-1"], /--entra-port/],
    [["--user", "me"], /--user needs a password/],
    [["--password", "a", "--password-file", "b"], /give one/],
    [["--faults", "/nowhere"], /--faults \/nowhere cannot be read/],
    [["--password-file", "/nowhere"], /--password-file \/nowhere cannot be read/],
    [["--password", ""], /is empty/],
    [["--no-admin-user", "--password", "x"], /contradicts/],
    [["--seed", "a=B C"], /no name for a repository/],
    [["--log", "xml"], /--log xml is no format/],
    [["--registry", "A B"], /no name for a registry/],
    [["--token", "ci=nothing"], /there is no scope map "nothing"/],
    [["surplus"], /surplus/],
  ] as const)("refuses %j with exit code 2", async ([args, message]) => {
    const { exitCode, error } = await run(args);
    expect(exitCode).toBe(2);
    expect(error.join()).toMatch(message);
    expect(error.join()).toContain("Try acrkit-emulator --help.");
  });

  it("says why it could not start, with exit code 1", async () => {
    const { exitCode, error } = await run(["--http", "--data", import.meta.filename]);
    expect(exitCode).toBe(1);
    expect(error.join()).toMatch(/could not start: the data folder .* cannot be used: there is a file in its place/);
    await run(["--http"], async (lines) => {
      const { port } = new URL(shown(lines, "endpoint"));
      const second = await run(["--http", "--port", port]);
      expect(second).toMatchObject({ exitCode: 1, error: [expect.stringMatching(`port ${port} is taken`)] });
    });
    const elsewhere = await run(["--http", "--host", "192.0.2.1"]);
    expect(elsewhere).toMatchObject({ exitCode: 1, error: [expect.stringMatching(/no address of this machine/)] });
  });
});
