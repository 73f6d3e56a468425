import { chmod, readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { CredentialRequest } from "../auth/credential.ts";
import { abortOf, failureOf } from "../testing/client.ts";
import { authOf, dockerHome } from "../testing/docker-home.ts";
import { recordLogs } from "../testing/logs.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import { dockerCredential } from "./docker-credential.ts";
import { CredentialHelperError, DockerConfigError } from "./errors.ts";

failOnUnhandled();

const HOST = "team.azurecr.io";
const request = (changes: Partial<CredentialRequest> = {}): CredentialRequest => ({
  registry: HOST,
  repositories: [],
  scopes: [],
  audience: "",
  ...changes,
});
const forRepository = (...names: string[]) =>
  request({ repositories: names, scopes: names.map((name) => `repository:${name}:pull`) });
const json = (value: object) => `printf '%s' '${JSON.stringify(value)}'`;

describe("files", () => {
  it("none: passes on", async () => {
    const { environment } = await dockerHome();
    expect(await dockerCredential({ environment })(request())).toBeUndefined();
  });

  it("are asked one after the other, podman's first", async () => {
    const home = await dockerHome();
    const credential = dockerCredential(home);
    await home.write(".docker/config.json", { auths: { [HOST]: authOf("docker", "3") } });
    expect(await credential(request())).toEqual({ username: "docker", password: "3" });
    await home.write(".config/containers/auth.json", { auths: { "other.azurecr.io": authOf("other", "0") } });
    expect(await credential(request())).toEqual({ username: "docker", password: "3" });
    await home.write(".config/containers/auth.json", { auths: { [HOST]: authOf("user", "2") } });
    expect(await credential(request())).toEqual({ username: "user", password: "2" });
    await home.write("run/containers/auth.json", { auths: { [HOST]: authOf("session", "1") } });
    expect(await credential(request())).toEqual({ username: "session", password: "1" });
  });

  it("the option names the only one, which has to be there", async () => {
    const home = await dockerHome();
    await home.write(".docker/config.json", { auths: { [HOST]: authOf("docker", "1") } });
    const configFile = await home.write("mine.json", { auths: { [HOST]: authOf("mine", "2") } });
    expect(await dockerCredential({ ...home, configFile })(request())).toEqual({ username: "mine", password: "2" });
    const missing = dockerCredential({ ...home, configFile: `${configFile}.not` })(request());
    expect(await failureOf(Promise.resolve(missing), DockerConfigError)).toMatchObject({ file: `${configFile}.not` });
  });

  it("the variable DOCKER_AUTH_CONFIG comes before them", async () => {
    const home = await dockerHome();
    await home.write(".docker/config.json", { auths: { [HOST]: authOf("docker", "1") } });
    const DOCKER_AUTH_CONFIG = JSON.stringify({ auths: { [HOST]: authOf("variable", "2") } });
    const environment = { ...home.environment, DOCKER_AUTH_CONFIG };
    expect(await dockerCredential({ environment })(request())).toEqual({ username: "variable", password: "2" });
    const broken = dockerCredential({ environment: { ...environment, DOCKER_AUTH_CONFIG: "{hunter2" } })(request());
    const error = await failureOf(Promise.resolve(broken), DockerConfigError);
    expect(error.message).toContain("DOCKER_AUTH_CONFIG");
    expect(error.message).not.toContain("hunter2");
  });

  it("a broken one is an error: going on could log in as somebody else", async () => {
    const home = await dockerHome();
    await home.write(".config/containers/auth.json", "not JSON");
    await home.write(".docker/config.json", { auths: { [HOST]: authOf("docker", "1") } });
    const error = await failureOf(Promise.resolve(dockerCredential(home)(request())), DockerConfigError);
    expect(error.file).toBe(`${home.folder}/.config/containers/auth.json`);
  });

  it("a broken entry of another registry does no harm", async () => {
    const home = await dockerHome();
    await home.write(".docker/config.json", { auths: { other: { auth: "!" }, [HOST]: authOf("docker", "1") } });
    expect(await dockerCredential(home)(request())).toEqual({ username: "docker", password: "1" });
  });

  it("that others may read are warned about, once, and only when they hold secrets", async () => {
    const home = await dockerHome();
    const lines = recordLogs();
    const credential = dockerCredential(home);
    const file = await home.write(".docker/config.json", { auths: { [HOST]: {} }, credsStore: "" });
    await chmod(file, 0o644);
    await credential(request());
    expect(lines).toEqual([]);
    await home.write(".docker/config.json", { auths: { [HOST]: authOf("user", "hunter2") } });
    await credential(request());
    await credential(request());
    expect(lines.filter((line) => line.includes(`chmod 600 ${file}`))).toHaveLength(1);
    expect(lines.join("\n")).not.toContain(authOf("user", "hunter2").auth);
  });
});

describe("namespaces", () => {
  const auths = { [HOST]: authOf("all", "1"), [`${HOST}/a`]: authOf("a", "2"), [`${HOST}/a/b`]: authOf("ab", "3") };

  it.each([
    ["a/b", "ab"],
    ["a/c", "a"],
    ["c", "all"],
  ])("%s has its own credential", async (repository, username) => {
    const home = await dockerHome();
    await home.write(".docker/config.json", { auths });
    expect(await dockerCredential(home)(forRepository(repository))).toMatchObject({ username });
  });

  it("a mount is done as the one who may write, or else as the one who may read", async () => {
    const home = await dockerHome();
    const { [HOST]: _, ...namespaces } = auths;
    await home.write(".docker/config.json", { auths: { ...namespaces, [`${HOST}/z`]: authOf("z", "4") } });
    const mount = (from: string, to: string) =>
      request({
        repositories: [from, to].sort(),
        scopes: [`repository:${from}:pull`, `repository:${to}:pull,push`],
      });
    expect(await dockerCredential(home)(mount("a/b", "z/y"))).toMatchObject({ username: "z" });
    expect(await dockerCredential(home)(mount("z/y", "a/b"))).toMatchObject({ username: "ab" });
    expect(await dockerCredential(home)(mount("a/b", "other"))).toMatchObject({ username: "ab" });
  });
});

describe("helpers", () => {
  it("are asked by the protocol, for the host", async () => {
    const home = await dockerHome();
    await home.installHelper(
      "fake",
      `read server; printf '{"ServerURL":"%s","Username":"%s","Secret":"%s"}' x "$1" "$server"`,
    );
    await home.write(".docker/config.json", { credHelpers: { [HOST]: "fake" } });
    expect(await dockerCredential(home)(request())).toEqual({ username: "get", password: HOST });
    expect(await dockerCredential(home)(request({ registry: "other.io" }))).toBeUndefined();
  });

  it.each([
    [{ Username: "<token>", Secret: "t" }, { refreshToken: "t" }],
    [{ Username: "00000000-0000-0000-0000-000000000000", Secret: "t" }, { refreshToken: "t" }],
    [
      { ServerURL: "https://else.io", Username: "u", Secret: "p" },
      { username: "u", password: "p" },
    ],
    [{ Username: "", Secret: "" }, undefined],
  ])("%j is understood", async (answer, credential) => {
    const home = await dockerHome();
    await home.installHelper("fake", json(answer));
    await home.write(".docker/config.json", { credsStore: "fake" });
    expect(await dockerCredential(home)(request())).toEqual(credential);
  });

  it("come before what is in the file; one of a registry even when it has nothing", async () => {
    const home = await dockerHome();
    await home.installHelper("empty", "echo credentials not found in native keychain; exit 1");
    await home.installHelper("full", json({ Username: "helper", Secret: "p" }));
    const auths = { [HOST]: authOf("file", "1") };
    const credential = dockerCredential(home);
    await home.write(".docker/config.json", { auths, credsStore: "full" });
    expect(await credential(request())).toMatchObject({ username: "helper" });
    await home.write(".docker/config.json", { auths, credsStore: "empty", credHelpers: { [HOST]: "full" } });
    expect(await credential(request())).toMatchObject({ username: "helper" });
    await home.write(".docker/config.json", { auths, credsStore: "empty" });
    expect(await credential(request())).toMatchObject({ username: "file" });
    await home.write(".docker/config.json", { auths, credHelpers: { [HOST]: "empty" } });
    expect(await credential(request())).toBeUndefined();
  });

  it("that have nothing pass on to the next file", async () => {
    const home = await dockerHome();
    await home.installHelper("empty", "echo credentials not found in native keychain; exit 1");
    await home.write(".config/containers/auth.json", { credHelpers: { [HOST]: "empty" } });
    await home.write(".docker/config.json", { auths: { [HOST]: authOf("docker", "1") } });
    expect(await dockerCredential(home)(request())).toMatchObject({ username: "docker" });
  });

  it("are run once for all repositories, and again for one that asks again", async () => {
    const home = await dockerHome();
    await home.installHelper("fake", `echo run >> "$HOME/runs"; ${json({ Username: "u", Secret: "p" })}`);
    await home.write(".docker/config.json", { credsStore: "fake" });
    const credential = dockerCredential(home);
    const runs = async () => (await readFile(`${home.folder}/runs`, "utf8")).split("\n").length - 1;
    await Promise.all(["a", "b", "c", "d"].map((name) => credential(forRepository(name))));
    await credential(forRepository("e"));
    expect(await runs()).toBe(1);
    await credential(forRepository("a"));
    expect(await runs()).toBe(2);
  });

  const SECRET = "hunter2";
  const LONG = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl";
  it.each([
    ["fails with a message", "echo the keychain is locked; exit 1", "ended with 1: the keychain is locked"],
    ["fails without a word", "exit 7", "ended with 7: it said nothing"],
    ["fails with JSON", `${json({ Username: "u", Secret: SECRET })}; exit 1`, "not shown"],
    ["fails with a token in its message", `echo refused: ${LONG}; exit 1`, "refused: ***"],
    ["prints a secret to its standard error", `echo ${SECRET} >&2; exit 1`, "it said nothing"],
    ["fails with terminal sequences", "printf '\\033[31mred\\007'; exit 1", "[31mred"],
    ["fails with text that runs backwards", "printf 'red\\342\\200\\256der'; exit 1", "red der"],
    ["fails with what is not UTF-8", "printf '\\377'; exit 1", "not shown"],
    ["is killed", "kill -9 $$", "was killed"],
    ["answers what is not JSON", `echo ${SECRET}`, "is not JSON"],
    ["answers nothing", "true", "is not JSON"],
    ["answers what is not UTF-8", 'printf \'{"Username":"u\\377","Secret":"hunter2"}\'', "is not UTF-8"],
    ["answers no object", json([SECRET]), "is not a JSON object"],
    ["answers null", "printf null", "is not a JSON object"],
    ["answers a number for a secret", json({ Username: SECRET, Secret: 5 }), "no user name or no secret"],
    ["answers a secret of nobody", json({ Secret: SECRET }), "has no user name"],
  ])("one that %s is an error that names it, and not what it gave", async (_, script, said) => {
    const home = await dockerHome();
    await home.installHelper("fake", script);
    const file = await home.write(".docker/config.json", { credHelpers: { [HOST]: "fake" } });
    const asked = dockerCredential(home)(request());
    const error = await failureOf(Promise.resolve(asked), CredentialHelperError);
    expect(error).toMatchObject({ code: "CREDENTIAL_HELPER_FAILED", helper: "fake" });
    expect(error.message).toContain("docker-credential-fake");
    expect(error.message).toContain(HOST);
    expect(error.message).toContain(said);
    for (const secret of [SECRET, LONG, "\u001b", "\u0007", "\u202e"]) {
      expect(`${error.message}${error.stack}${String(error.cause)}`).not.toContain(secret);
    }
    if (script.endsWith("exit 1")) expect(error.message).toContain(file);
  });

  it.each([
    "../evil",
    "/bin/sh",
    "a/b",
    "a\\b",
    "..\\evil",
    "a\0b",
    "a b",
    "a;b",
    "$(id)",
    "a\nb",
    "",
    "ü",
    "x".repeat(300),
  ])("%j is no name of one: nothing is run", async (name) => {
    const home = await dockerHome();
    await home.write("evil", "#!/bin/sh\ntouch $HOME/evil-ran\n").then((file) => chmod(file, 0o700));
    const file = await home.write(".docker/config.json", { credHelpers: { [HOST]: name } });
    const asked = Promise.resolve(dockerCredential(home)(request()));
    if (name === "") return expect(await asked).toBeUndefined();
    const error = await failureOf(asked, CredentialHelperError);
    expect(error.message).toContain(`credHelpers in ${file}`);
    expect(error.message).toContain("cannot be the name");
    expect(error.message.length).toBeLessThan(700);
  });

  it("one that is missing is named, with the file that wants it and what to do", async () => {
    const home = await dockerHome();
    const file = await home.write(".docker/config.json", { credsStore: "desktop" });
    const error = await failureOf(Promise.resolve(dockerCredential(home)(request())), CredentialHelperError);
    expect(error.message).toBe(
      `docker-credential-desktop is not in any folder of PATH: credsStore in ${file} wants it for ${HOST}. Install it, or remove it there.`,
    );
  });

  it("one that hangs is ended", async () => {
    const home = await dockerHome();
    await home.installHelper("fake", "sleep 1000");
    await home.write(".docker/config.json", { credsStore: "fake" });
    const asked = dockerCredential({ ...home, helperTimeoutInMs: 200 })(request());
    expect((await failureOf(Promise.resolve(asked), CredentialHelperError)).code).toBe("CREDENTIAL_HELPER_TIMEOUT");
  });

  it("an abort ends the waiting, and is not explained", async () => {
    const home = await dockerHome();
    await home.installHelper("fake", "sleep 1000");
    await home.write(".docker/config.json", { credsStore: "fake" });
    const controller = new AbortController();
    const asked = dockerCredential(home)(request({ abortSignal: controller.signal }));
    controller.abort();
    await abortOf(Promise.resolve(asked));
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, "5"])("%j is no time", (helperTimeoutInMs) =>
    expect(() => dockerCredential({ helperTimeoutInMs: helperTimeoutInMs as number })).toThrow("helperTimeoutInMs"),
  );
});
