import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ClientAuthenticationError } from "../errors/registry-error.ts";
import { acrRegistry, HOST } from "../testing/acr-registry.ts";
import { FakeEntraCredential, failureOf } from "../testing/client.ts";
import { authOf, type DockerHome, dockerHome } from "../testing/docker-home.ts";
import { recordLogs } from "../testing/logs.ts";
import { refusal, type ScriptedRegistry } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import { CredentialHelperError, DockerConfigError } from "./errors.ts";
import { type LoginOptions, login, logout } from "./login.ts";

failOnUnhandled();

const TOKEN_USER = "00000000-0000-0000-0000-000000000000";
const CREDENTIAL = { username: "admin", password: "pass:wörd" };
/** Takes every token that it has given out. */
const welcoming = () =>
  acrRegistry(() => ({ status: 200 }), {
    login: ({ method, url, headers }) =>
      method === "GET" && url.pathname === "/v2/" && headers.authorization?.startsWith("Bearer ey") === true
        ? { status: 200, body: {} }
        : undefined,
  });
/** Tells every verb, and what it was given, to a file. */
const RECORDER = `{ echo "$1"; cat; echo; } >> "$HOME/helper.log"`;

function optionsOf({ environment }: DockerHome, registry: ScriptedRegistry = welcoming()): LoginOptions {
  return { environment, httpClient: registry, retryOptions: { retryDelayInMs: 0 } };
}

const entry = ({ username, password }: typeof CREDENTIAL) => authOf(username, password);

describe("login", () => {
  it("stores what docker would, and may be read by its owner alone", async () => {
    const home = await dockerHome();
    const result = await login(`https://${HOST}`, CREDENTIAL, optionsOf(home));
    expect(result).toEqual({ registry: HOST, storedIn: home.dockerConfig });
    expect(await readFile(home.dockerConfig, "utf8")).toBe(
      JSON.stringify({ auths: { [HOST]: entry(CREDENTIAL) } }, undefined, "\t"),
    );
    expect((await stat(home.dockerConfig)).mode & 0o777).toBe(0o600);
  });

  it("tries the credential first, and stores none that is refused", async () => {
    const home = await dockerHome();
    const refusing = acrRegistry(() => ({ status: 200 }), {
      login: ({ url }) => (url.pathname === "/oauth2/token" ? refusal(401, "UNAUTHORIZED", "no") : undefined),
    });
    const error = await failureOf(login(HOST, CREDENTIAL, optionsOf(home, refusing)), ClientAuthenticationError);
    expect(error.message).toContain(HOST);
    expect(`${error.message}${error.stack}`).not.toContain(CREDENTIAL.password);
    await expect(stat(home.dockerConfig)).rejects.toThrow("ENOENT");
  });

  it("is not taken in by a registry that welcomes everybody", async () => {
    const home = await dockerHome();
    const open = acrRegistry(() => ({ status: 200 }), {
      login: ({ url, method, headers }) => {
        if (url.pathname === "/v2/") return headers.authorization?.startsWith("Bearer") ? { status: 200 } : undefined;
        // A password comes by GET, nobody's login by POST.
        return method === "GET" ? refusal(401, "UNAUTHORIZED", "no") : undefined;
      },
    });
    const options = { ...optionsOf(home, open), anonymousFirst: true };
    await failureOf(login(HOST, CREDENTIAL, options), ClientAuthenticationError);
    await expect(stat(home.dockerConfig)).rejects.toThrow("ENOENT");
  });

  it("stores one untried when asked to, and sends nothing", async () => {
    const home = await dockerHome();
    const registry = welcoming();
    await login(HOST, CREDENTIAL, { ...optionsOf(home, registry), verify: false });
    expect(registry.lines).toEqual([]);
    expect(await home.readJson(home.dockerConfig)).toEqual({ auths: { [HOST]: entry(CREDENTIAL) } });
  });

  it("stores the refresh token that an Entra credential is exchanged for", async () => {
    const home = await dockerHome();
    const registry = welcoming();
    await login(HOST, new FakeEntraCredential(), optionsOf(home, registry));
    const { auths } = (await home.readJson(home.dockerConfig)) as { auths: Record<string, { auth: string }> };
    const [user, token = ""] = Buffer.from(auths[HOST]?.auth ?? "", "base64")
      .toString()
      .split(":");
    expect(user).toBe(TOKEN_USER);
    expect(JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString())).toMatchObject({
      grant_type: "refresh_token",
    });
    expect(registry.lines.filter((line) => line === "POST /oauth2/exchange")).toHaveLength(1);
  });

  it("keeps everything else in the file, in its order, and takes the place of other names of the registry", async () => {
    const home = await dockerHome();
    await home.write(".docker/config.json", {
      HttpHeaders: { "X-Mine": "1" },
      auths: {
        "z.io": { auth: "eg==", email: "z" },
        [`https://${HOST}/v1/`]: authOf("old", "1"),
        [`${HOST}/team`]: authOf("team", "2"),
        "a.io": {},
      },
      credsStore: "",
      plugins: { debug: { hooks: "exec" } },
    });
    await login(HOST, CREDENTIAL, optionsOf(home));
    const text = await readFile(home.dockerConfig, "utf8");
    expect(text).toBe(
      JSON.stringify(
        {
          HttpHeaders: { "X-Mine": "1" },
          auths: {
            "z.io": { auth: "eg==", email: "z" },
            [`${HOST}/team`]: authOf("team", "2"),
            "a.io": {},
            [HOST]: entry(CREDENTIAL),
          },
          credsStore: "",
          plugins: { debug: { hooks: "exec" } },
        },
        undefined,
        "\t",
      ),
    );
  });

  it("a registry may have any name, and so may others in the file", async () => {
    const home = await dockerHome();
    await home.write(".docker/config.json", '{"auths": {"constructor": {}}}');
    await login("__proto__", CREDENTIAL, { ...optionsOf(home), verify: false });
    await login(HOST, CREDENTIAL, optionsOf(home));
    const { auths } = (await home.readJson(home.dockerConfig)) as { auths: object };
    expect(Object.keys(auths)).toEqual(["constructor", "__proto__", HOST]);
    await logout("__proto__", home);
    expect(Object.keys(((await home.readJson(home.dockerConfig)) as { auths: object }).auths)).toHaveLength(2);
  });

  it("writes podman's file when it is named", async () => {
    const home = await dockerHome();
    const configFile = join(home.folder, "run", "containers", "auth.json");
    expect((await login(HOST, CREDENTIAL, { ...optionsOf(home), configFile })).storedIn).toBe(configFile);
    expect(await home.readJson(configFile)).toEqual({ auths: { [HOST]: entry(CREDENTIAL) } });
  });

  it("goes into the folder that DOCKER_CONFIG names", async () => {
    const home = await dockerHome();
    const environment = { ...home.environment, DOCKER_CONFIG: join(home.folder, "elsewhere") };
    await login(HOST, CREDENTIAL, { ...optionsOf(home), environment });
    expect(await home.readJson(join(home.folder, "elsewhere", "config.json"))).toHaveProperty("auths");
  });

  it("stores Docker Hub's under the key that docker reads", async () => {
    const home = await dockerHome();
    await login("registry-1.docker.io", CREDENTIAL, { ...optionsOf(home), verify: false });
    expect(await home.readJson(home.dockerConfig)).toEqual({
      auths: { "https://index.docker.io/v1/": entry(CREDENTIAL) },
    });
  });

  it.each([{ credsStore: "fake" }, { credHelpers: { [HOST]: "fake" } }])(
    "hands it to the helper of %j",
    async (config) => {
      const home = await dockerHome();
      await home.installHelper("fake", RECORDER);
      await home.write(".docker/config.json", { auths: { [HOST]: authOf("old", "1") }, ...config });
      const result = await login(HOST, CREDENTIAL, optionsOf(home));
      expect(result.storedIn).toBe("docker-credential-fake");
      const [verb, input] = (await readFile(join(home.folder, "helper.log"), "utf8")).split("\n");
      expect(verb).toBe("store");
      expect(JSON.parse(input ?? "")).toEqual({ ServerURL: HOST, Username: "admin", Secret: "pass:wörd" });
      // As docker: an empty entry, and nothing of the old one.
      expect(await home.readJson(home.dockerConfig)).toEqual({ auths: { [HOST]: {} }, ...config });
    },
  );

  it("a helper that fails, and repeats the secret, is an error without it; the file stays as it was", async () => {
    const home = await dockerHome();
    await home.installHelper("fake", 'echo "cannot keep pass:wörd"; exit 1');
    await home.write(".docker/config.json", { auths: { [HOST]: authOf("old", "1") }, credsStore: "fake" });
    const error = await failureOf(login(HOST, CREDENTIAL, optionsOf(home)), CredentialHelperError);
    expect(error.message).toContain("cannot keep ***");
    expect(`${error.message}${error.stack}`).not.toContain(CREDENTIAL.password);
    expect(await home.readJson(home.dockerConfig)).toMatchObject({ auths: { [HOST]: authOf("old", "1") } });
  });

  it("a file that is broken is not written over", async () => {
    const home = await dockerHome();
    await home.write(".docker/config.json", '{"auths": {"precious"');
    await failureOf(login(HOST, CREDENTIAL, optionsOf(home)), DockerConfigError);
    expect(await readFile(home.dockerConfig, "utf8")).toBe('{"auths": {"precious"');
  });

  it("many at a time lose nothing", async () => {
    const home = await dockerHome();
    const hosts = Array.from({ length: 8 }, (_, index) => `r${index}.azurecr.io`);
    await Promise.all(hosts.map((host) => login(host, CREDENTIAL, { ...optionsOf(home), verify: false })));
    const { auths } = (await home.readJson(home.dockerConfig)) as { auths: object };
    expect(Object.keys(auths).sort()).toEqual(hosts);
  });

  it.each([
    { username: "", password: "p" },
    { username: "a:b", password: "p" },
    { username: "a\n", password: "p" },
    { username: "a", password: "" },
    { username: "a", password: "hunter2\n" },
    { refreshToken: "" },
    { refreshToken: "hunter2\r\n" },
  ])("%j cannot be stored", async (credential) => {
    const home = await dockerHome();
    const stored = login(HOST, credential, { ...optionsOf(home), verify: false });
    const error = await failureOf(stored, Error);
    expect(error.name).toBe("InvalidInputError");
    expect(error.message).not.toContain("hunter2");
  });

  it.each([undefined, null, "hunter2", () => "hunter2"])("%j is no credential", async (credential) => {
    const stored = login(HOST, credential as never, { ...optionsOf(await dockerHome()), verify: false });
    const error = await failureOf(stored, Error);
    expect(error.name).toBe("InvalidInputError");
    expect(error.message).not.toContain("hunter2");
  });

  it.each(["https://user:hunter2@example.org", "example.org/team", "ftp://example.org", ""])(
    "%j is no registry",
    async (registry) => {
      const home = await dockerHome();
      const error = await failureOf(login(registry, CREDENTIAL, { ...optionsOf(home), verify: false }), Error);
      expect(error.name).toBe("InvalidInputError");
      expect(error.message).not.toContain("hunter2");
    },
  );

  it("logs no secret", async () => {
    const home = await dockerHome();
    const lines = recordLogs();
    await login(HOST, CREDENTIAL, optionsOf(home));
    await login(HOST, new FakeEntraCredential("entra-secret"), optionsOf(home));
    expect(lines.length).toBeGreaterThan(0);
    const text = lines.join("\n");
    for (const secret of [CREDENTIAL.password, entry(CREDENTIAL).auth, "entra-secret"])
      expect(text).not.toContain(secret);
  });
});

describe("logout", () => {
  it("erases every name of the registry from the file, and nothing else", async () => {
    const home = await dockerHome();
    await home.write(".docker/config.json", {
      auths: { [HOST]: {}, [`https://${HOST}`]: authOf("a", "1"), [`${HOST}/team`]: authOf("t", "2"), "b.io": {} },
      detachKeys: "ctrl-q",
    });
    expect(await logout(HOST, home)).toEqual({ registry: HOST, storedIn: home.dockerConfig });
    expect(await home.readJson(home.dockerConfig)).toEqual({
      auths: { [`${HOST}/team`]: authOf("t", "2"), "b.io": {} },
      detachKeys: "ctrl-q",
    });
  });

  it("erases from the helper as well", async () => {
    const home = await dockerHome();
    await home.installHelper("fake", RECORDER);
    await home.write(".docker/config.json", { auths: { [HOST]: {} }, credsStore: "fake" });
    expect((await logout(HOST, home)).storedIn).toBe("docker-credential-fake");
    expect(await readFile(join(home.folder, "helper.log"), "utf8")).toBe(`erase\n${HOST}\n`);
    expect(await home.readJson(home.dockerConfig)).toEqual({ auths: {}, credsStore: "fake" });
  });

  it("what is not there counts as erased", async () => {
    const home = await dockerHome();
    expect(await logout(HOST, home)).toEqual({ registry: HOST, storedIn: undefined });
    await home.installHelper("fake", "echo credentials not found in native keychain; exit 1");
    await home.write(".docker/config.json", { credsStore: "fake" });
    await logout(HOST, home);
    expect(await home.readJson(home.dockerConfig)).toEqual({ credsStore: "fake" });
  });

  it("a helper that fails is an error, and the file stays as it was", async () => {
    const home = await dockerHome();
    await home.installHelper("fake", "echo locked; exit 1");
    await home.write(".docker/config.json", { auths: { [HOST]: {} }, credsStore: "fake" });
    expect((await failureOf(logout(HOST, home), CredentialHelperError)).message).toContain("ended with 1: locked");
    expect(await home.readJson(home.dockerConfig)).toMatchObject({ auths: { [HOST]: {} } });
  });
});
