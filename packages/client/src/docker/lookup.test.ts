import { describe, expect, it } from "vitest";
import { parseConfig } from "./config.ts";
import { authKeyFor, authKeysOf, helperFor, hostOfKey, serverKey } from "./lookup.ts";

const configOf = (content: object) => parseConfig("config.json", JSON.stringify(content));
const keyIn = (keys: readonly string[], host: string, repository?: string) =>
  authKeyFor(configOf({ auths: Object.fromEntries(keys.map((key) => [key, {}])) }), host, repository);

describe("the key for a repository", () => {
  // containers/image, pkg/docker/config/config_test.go, TestGetPathToAuth and testdata/refpath.json
  const keys = ["example.org", "example.org/foo", "example.org/foo/bar/baz", "example.org/foobar"];
  it.each([
    ["foo/bar/baz", "example.org/foo/bar/baz"],
    ["foo/bar/baz/more", "example.org/foo/bar/baz"],
    ["foo/bar", "example.org/foo"],
    ["foo", "example.org/foo"],
    ["foobar", "example.org/foobar"],
    ["foob", "example.org"],
    [undefined, "example.org"],
  ])("%s is the most specific one", (repository, key) => expect(keyIn(keys, "example.org", repository)).toBe(key));

  it.each([
    "https://example.org",
    "http://example.org",
    "https://example.org/",
    "example.org/",
    "https://example.org/v1/",
    "https://example.org/v2/",
    "https://example.org/v2",
    "example.org/v1/",
    "HTTPS://Example.org/v1/",
    "https://example.org:443",
  ])("%s is another name of the host", (key) => expect(keyIn([key], "example.org", "a/b")).toBe(key));

  it("the exact key comes before another name", () =>
    expect(keyIn(["https://example.org/v1/", "example.org"], "example.org")).toBe("example.org"));

  it.each([
    ["example.org/foo", "example.org", "bar"],
    ["https://example.org/foo", "example.org", "foo"],
    ["example.org.evil.com", "example.org", undefined],
    ["evil.com/example.org", "example.org", undefined],
    ["example.org:5000", "example.org", undefined],
    ["example.org", "example.org:5000", undefined],
    ["https://example.org@evil.com", "example.org", undefined],
  ])("%s is not for %s/%s", (key, host, repository) => expect(keyIn([key], host, repository)).toBeUndefined());

  it.each(["__proto__", "constructor", "toString"])("%s is no key that nobody wrote", (host) =>
    expect(keyIn([], host, "a")).toBeUndefined(),
  );
});

describe("Docker Hub", () => {
  it.each([
    ["registry-1.docker.io", "https://index.docker.io/v1/"],
    ["docker.io", "https://index.docker.io/v1/"],
    ["index.docker.io", "docker.io"],
    ["registry-1.docker.io", "docker.io"],
    ["registry-1.docker.io", "docker.io/library"],
  ])("%s has the credential under %s", (host, key) => expect(keyIn([key], host, "library/alpine")).toBe(key));

  it("is stored under the key that docker reads", () => {
    expect(serverKey("registry-1.docker.io")).toBe("https://index.docker.io/v1/");
    expect(serverKey("docker.io.example.org")).toBe("docker.io.example.org");
  });
});

describe("the helper", () => {
  it("of a registry comes before the one for all", () => {
    const config = configOf({ credsStore: "all", credHelpers: { "a.azurecr.io": "one" } });
    expect(helperFor(config, "a.azurecr.io")).toMatchObject({ name: "one", server: "a.azurecr.io" });
    expect(helperFor(config, "b.azurecr.io")).toMatchObject({ name: "all", member: "credsStore" });
  });

  it("of Docker Hub is asked by the name that the file has for it", () => {
    const server = (key: string) =>
      helperFor(configOf({ credHelpers: { [key]: "one" } }), "registry-1.docker.io")?.server;
    expect(server("docker.io")).toBe("docker.io");
    expect(server("https://index.docker.io/v1/")).toBe("https://index.docker.io/v1/");
  });

  it("is none where the file names none, or an empty one", () => {
    expect(helperFor(configOf({ credsStore: "" }), "a.azurecr.io")).toBeUndefined();
    // As in docker's `getConfiguredCredentialStore`: so is one registry left out of the helper for all.
    const config = configOf({ credsStore: "all", credHelpers: { "a.azurecr.io": "" } });
    expect(helperFor(config, "a.azurecr.io")).toBeUndefined();
    expect(helperFor(config, "b.azurecr.io")).toMatchObject({ name: "all" });
    expect(helperFor(configOf({}), "constructor")).toBeUndefined();
  });
});

it("all keys of a registry are found, and no namespace's", () => {
  const auths = { "https://a.io/v1/": {}, "a.io": {}, "a.io/team": {}, "b.io": {} };
  expect(authKeysOf(auths, "a.io")).toEqual(["https://a.io/v1/", "a.io"]);
});

it.each(["", "https://", "/", "a.io/team", "https://a.io/team/v1/"])("%j stands for no host", (key) =>
  expect(hostOfKey(key)).toBeUndefined(),
);
