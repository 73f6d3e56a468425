import { describe, expect, it } from "vitest";
import { unsignedJwt } from "../testing/acr-registry.ts";
import { failureOf } from "../testing/client.ts";
import { readAuthEntry, writeAuthEntry } from "./auth-entry.ts";
import { parseConfig } from "./config.ts";
import { DockerConfigError } from "./errors.ts";

// Short: parsers quote some ten characters.
const SECRET = "hunter2";
const base64 = (text: string) => Buffer.from(text).toString("base64");
const USER = "00000000-0000-0000-0000-000000000000";

describe("a file", () => {
  it.each(["", " \n", "\uFEFF{}", "{}", '{"auths":null}'])("%j holds nothing", (text) =>
    expect(parseConfig("f", text)).toEqual({ source: "f", auths: {}, credsStore: undefined, credHelpers: {} }),
  );

  it.each([
    `{"auths": {"a": {"auth": "${SECRET}"`,
    `{"auths": ${SECRET}}`,
    `"${SECRET}"`,
    `["${SECRET}"]`,
    "null",
    `{"auths": "${SECRET}"}`,
    `{"auths": ["${SECRET}"]}`,
    `{"credsStore": ["${SECRET}"]}`,
    `{"credHelpers": {"a": ["${SECRET}"]}}`,
    `{"credHelpers": "${SECRET}"}`,
  ])("%s is refused by its name, and not shown", async (text) => {
    const error = await failureOf(
      () => Promise.resolve().then(() => parseConfig("/home/u/config.json", text)),
      DockerConfigError,
    );
    expect(error).toMatchObject({ code: "DOCKER_CONFIG_INVALID", file: "/home/u/config.json" });
    expect(error.message).toContain("/home/u/config.json");
    expect(`${error.message}${error.stack}${String(error.cause)}`).not.toContain(SECRET);
  });

  it("says where it is no JSON", async () => {
    const error = await failureOf(
      () => Promise.resolve().then(() => parseConfig("f", "{\n  oops\n}")),
      DockerConfigError,
    );
    expect(error.message).toContain("line 2");
  });
});

describe("an entry", () => {
  const read = (entry: unknown) => readAuthEntry("f", "a.io", entry);

  it.each([
    [{ auth: base64("user:pass:word") }, { username: "user", password: "pass:word" }],
    [{ auth: base64("user:") }, { username: "user", password: "" }],
    [{ auth: base64("jürgen:pässword") }, { username: "jürgen", password: "pässword" }],
    [{ auth: base64("user:padded\0\0") }, { username: "user", password: "padded" }],
    [
      { username: "user", password: "word" },
      { username: "user", password: "word" },
    ],
    [
      { auth: base64("one:1"), username: "two", password: "2" },
      { username: "one", password: "1" },
    ],
    [{ auth: base64(`${USER}:token`), email: "x" }, { refreshToken: "token" }],
    [{ auth: base64("user:"), identitytoken: "token" }, { refreshToken: "token" }],
    [{ identitytoken: "token" }, { refreshToken: "token" }],
    [{}, undefined],
    [null, undefined],
    [{ auth: "" }, undefined],
    [{ email: "x" }, undefined],
    [{ username: "user" }, undefined],
    [{ registrytoken: "token" }, undefined],
  ])("%j is read", (entry, credential) => expect(read(entry)).toEqual(credential));

  it("an ACR access token stays a password, since nothing can be had for it", () => {
    const token = unsignedJwt({ grant_type: "access_token" });
    expect(read({ auth: base64(`${USER}:${token}`) })).toEqual({ username: USER, password: token });
  });

  it.each([
    { auth: `${SECRET}!` },
    { auth: base64(SECRET) },
    { auth: base64(`:${SECRET}`) },
    { auth: Buffer.from([0xff, 0x3a, 0xff]).toString("base64") },
    { auth: [SECRET] },
    { identitytoken: { SECRET } },
    { username: 5, password: SECRET },
    SECRET,
    [SECRET],
  ])("%j is refused by its key, and not shown", async (entry) => {
    const error = await failureOf(() => Promise.resolve().then(() => read(entry)), DockerConfigError);
    expect(error.message).toContain('auths["a.io"]');
    expect(`${error.message}${error.stack}`).not.toContain(SECRET);
    expect(error.message).not.toContain(base64(SECRET));
  });

  it.each([{ username: "jürgen", password: "p:ä" }, { refreshToken: "token" }])(
    "%j is written so that it is read again",
    (credential) => expect(read(writeAuthEntry(credential))).toEqual(credential),
  );
});
