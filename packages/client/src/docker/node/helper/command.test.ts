import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { unsignedJwt } from "../../../testing/acr-registry.ts";
import { authOf, type DockerHome, dockerHome } from "../../../testing/docker-home.ts";
import { VERSION } from "../../../version.ts";
import { acrRegistryOf } from "./acr-registries.ts";
import { type HelperCommandContext, runHelperCommand } from "./command.ts";

const NOT_FOUND = "credentials not found in native keychain";
const TOKEN_USER = "00000000-0000-0000-0000-000000000000";

interface Run {
  readonly exitCode: number;
  readonly out: string;
  readonly error: string;
  readonly asked: readonly string[];
}

async function run(
  home: DockerHome,
  args: string,
  input: string | Uint8Array = "",
  changes: Partial<HelperCommandContext> = {},
): Promise<Run> {
  const printed = { out: "", error: "" };
  const asked: string[] = [];
  const exitCode = await runHelperCommand({
    args: args === "" ? [] : args.split(" "),
    environment: home.environment,
    input: (async function* () {
      yield Buffer.from(input);
    })(),
    out: (text) => {
      printed.out += text;
    },
    error: (text) => {
      printed.error += text;
    },
    refreshTokenOf: async ({ endpoint }) => {
      asked.push(endpoint);
      return "from Entra";
    },
    ...changes,
  });
  return { exitCode, ...printed, asked };
}

const store = (home: DockerHome, ServerURL: string, Username: string, Secret: string) =>
  run(home, "store", JSON.stringify({ ServerURL, Username, Secret }));

describe("get", () => {
  it.each(["team.azurecr.io", "team.azurecr.io\n", "https://team.azurecr.io", "https://team.azurecr.io/v2/"])(
    "%j is logged in with Entra ID",
    async (server) => {
      const { exitCode, out, error, asked } = await run(await dockerHome(), "get", server);
      expect([exitCode, error, asked]).toEqual([0, "", ["https://team.azurecr.io"]]);
      expect(JSON.parse(out)).toEqual({ ServerURL: server.trim(), Username: TOKEN_USER, Secret: "from Entra" });
    },
  );

  it.each([
    "docker.io",
    "https://index.docker.io/v1/",
    "azurecr.io",
    "team.azurecr.io.evil.com",
    "evilazurecr.io",
    "evil.com/team.azurecr.io",
    "https://team.azurecr.io@evil.com",
    "https://evil.com#team.azurecr.io",
    "evil.com?.azurecr.io",
    "evil.com\\.azurecr.io",
    "team.azurecr.io:8443",
    "127.0.0.1:5000",
    "-.azurecr.io",
  ])("%s is sent no token of Entra ID", async (server) => {
    expect(await run(await dockerHome(), "get", server)).toEqual({ exitCode: 1, out: NOT_FOUND, error: "", asked: [] });
  });

  it("what ACRKIT_REGISTRIES lists counts as Azure's", async () => {
    const home = await dockerHome();
    const environment = { ...home.environment, ACRKIT_REGISTRIES: "127.0.0.1:5000, http://localhost:5001 own.example" };
    const get = async (server: string) => (await run(home, "get", server, { environment })).asked;
    expect(await get("127.0.0.1:5000")).toEqual(["https://127.0.0.1:5000"]);
    expect(await get("localhost:5001")).toEqual(["http://localhost:5001"]);
    expect(await get("https://own.example/v2/")).toEqual(["https://own.example"]);
    expect(await get("127.0.0.1:5002")).toEqual([]);
    expect(await get("127.0.0.1")).toEqual([]);
  });

  it("knows the clouds", () => {
    for (const domain of ["io", "cn", "us"]) {
      expect(acrRegistryOf(`team.azurecr.${domain}`, {})?.endpoint).toBe(`https://team.azurecr.${domain}`);
    }
    expect(acrRegistryOf("team-dnl123.westeurope.azurecr.io", {})).toBeDefined();
  });

  it("a failure is told where docker looks for it", async () => {
    const refreshTokenOf = () => Promise.reject(new Error("the registry refused the credential"));
    expect(await run(await dockerHome(), "get", "team.azurecr.io", { refreshTokenOf })).toEqual({
      exitCode: 1,
      out: "the registry refused the credential",
      error: "",
      asked: [],
    });
  });
});

describe("store and erase", () => {
  it("keep what docker login gives, of any registry, readable by its owner alone", async () => {
    const home = await dockerHome();
    expect(await store(home, "https://index.docker.io/v1/", "<token>", "identity")).toMatchObject({
      exitCode: 0,
      out: "",
    });
    expect(await store(home, "ghcr.io", "user", "pass:word")).toMatchObject({ exitCode: 0 });
    const get = async (server: string) => JSON.parse((await run(home, "get", server)).out);
    expect(await get("ghcr.io")).toEqual({ ServerURL: "ghcr.io", Username: "user", Secret: "pass:word" });
    expect(await get("docker.io")).toMatchObject({ Username: "<token>", Secret: "identity" });
    expect(JSON.parse((await run(home, "list", "unused")).out)).toEqual({
      "https://index.docker.io/v1/": "<token>",
      "ghcr.io": "user",
    });
    const file = join(home.folder, ".docker", "acrkit-credentials.json");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await home.readJson(file)).toMatchObject({ auths: { "ghcr.io": authOf("user", "pass:word") } });
    expect(await run(home, "erase", "ghcr.io\n")).toMatchObject({ exitCode: 0, out: "" });
    expect(await run(home, "get", "ghcr.io")).toMatchObject({ exitCode: 1, out: NOT_FOUND });
    expect(await run(home, "erase", "ghcr.io")).toMatchObject({ exitCode: 0 });
    expect(await readdir(join(home.folder, ".docker"))).toEqual(["acrkit-credentials.json"]);
  });

  it("what was stored for a registry of Azure comes before Entra ID, until it is erased", async () => {
    const home = await dockerHome();
    await store(home, "team.azurecr.io", "admin", "password");
    expect(await run(home, "get", "https://team.azurecr.io")).toMatchObject({
      out: '{"ServerURL":"https://team.azurecr.io","Username":"admin","Secret":"password"}',
      asked: [],
    });
    await run(home, "erase", "team.azurecr.io");
    expect((await run(home, "get", "team.azurecr.io")).asked).toHaveLength(1);
  });

  it("an ACR refresh token that has expired is no longer given", async () => {
    const home = await dockerHome();
    const seconds = Date.now() / 1000;
    const token = (exp: number) => unsignedJwt({ grant_type: "refresh_token", exp });
    await store(home, "team.azurecr.io", TOKEN_USER, token(seconds + 3600));
    expect((await run(home, "get", "team.azurecr.io")).asked).toEqual([]);
    await store(home, "team.azurecr.io", TOKEN_USER, token(seconds - 1));
    expect((await run(home, "get", "team.azurecr.io")).asked).toHaveLength(1);
  });

  it("a registry may have any name", async () => {
    const home = await dockerHome();
    await store(home, "__proto__", "user", "password");
    expect((await run(home, "list")).out).toBe('{"__proto__":"user"}');
    expect(await run(home, "get", "__proto__")).toMatchObject({ exitCode: 0 });
  });

  it("a login takes the place of the one before, however the registry was named", async () => {
    const home = await dockerHome();
    await store(home, "https://ghcr.io", "one", "1");
    await store(home, "ghcr.io", "two", "2");
    expect(JSON.parse((await run(home, "list")).out)).toEqual({ "ghcr.io": "two" });
  });
});

describe("is told in the protocol's words", () => {
  it.each([
    ["get", "", "no credentials server URL"],
    ["get", " \n", "no credentials server URL"],
    ["erase", "", "no credentials server URL"],
    ["store", '{"Username":"u","Secret":"s"}', "no credentials server URL"],
    ["store", '{"ServerURL":"a.io","Secret":"s"}', "no credentials username"],
    ["store", '{"ServerURL":"a.io","Username":"u"}', "no credentials secret"],
    ["store", '{"ServerURL":"a.io","Username":"u:v","Secret":"s"}', "a user name holds no colon"],
    ["store", '{"Secret":"hunter2', "the standard input is not JSON"],
    ["store", "null", "no credentials server URL"],
    ["store", "x".repeat(2_000_000), "the standard input is longer than any credential"],
  ])("%s of %.40s", async (verb, input, out) => {
    expect(await run(await dockerHome(), verb, input)).toEqual({ exitCode: 1, out, error: "", asked: [] });
  });

  it("input that is not UTF-8", async () => {
    const { out } = await run(await dockerHome(), "get", Uint8Array.of(0xff));
    expect(out).toBe("the standard input is not UTF-8");
  });

  it("a broken file of ours, without what is in it", async () => {
    const home = await dockerHome();
    const file = await home.write(".docker/acrkit-credentials.json", "hunter2");
    for (const [verb, input] of [
      ["get", "a.io"],
      ["list", ""],
      ["erase", "a.io"],
    ] as const) {
      const { exitCode, out } = await run(home, verb, input);
      expect([exitCode, out.includes(file), out.includes("hunter2")]).toEqual([1, true, false]);
    }
  });
});

describe("usage", () => {
  it.each(["", "login", "get now", "__proto__", "constructor", "--verbose"])("%j is refused", async (args) => {
    const { exitCode, out, error } = await run(await dockerHome(), args);
    expect([exitCode, out]).toEqual([2, ""]);
    expect(error).toContain("usage: docker-credential-acrkit <get|store|erase|list>");
  });

  it("help and version are given", async () => {
    const home = await dockerHome();
    expect((await run(home, "--help")).out).toContain("credHelpers");
    expect((await run(home, "--version")).out).toBe(`docker-credential-acrkit ${VERSION}`);
    expect((await run(home, "version")).exitCode).toBe(0);
  });
});
