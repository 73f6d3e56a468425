import { InvalidInputError } from "@acrkit/oci";
import { expect, test } from "vitest";
import { FakeEntraCredential } from "../testing/client.ts";
import { basicAuthorization, isRegistryCredential, toIdentity } from "./credential.ts";

const AUDIENCE = "https://audience.example";

test("every form of credential is told apart", () => {
  const credential = new FakeEntraCredential();
  expect(toIdentity(undefined, AUDIENCE)).toEqual({ kind: "anonymous" });
  expect(toIdentity(credential, AUDIENCE)).toEqual({ kind: "entra", credential, audience: AUDIENCE });
  expect(toIdentity({ username: "u", password: "p" }, AUDIENCE)).toEqual({
    kind: "basic",
    username: "u",
    password: "p",
  });
  expect(toIdentity({ refreshToken: "t" }, AUDIENCE)).toEqual({ kind: "refreshToken", refreshToken: "t" });
});

test("an empty password is a password", () => {
  expect(toIdentity({ username: "u", password: "" }, AUDIENCE)).toMatchObject({ kind: "basic", password: "" });
});

test.each([
  ["null", null],
  ["a text", "s3cret"],
  ["nothing in it", {}],
  ["no password", { username: "u" }],
  ["no user name", { password: "s3cret" }],
  ["an empty user name", { username: "", password: "s3cret" }],
  ["an empty refresh token", { refreshToken: "" }],
  ["a refresh token that is no text", { refreshToken: 5 }],
  ["a user name with a colon, which Basic cannot carry", { username: "a:b", password: "s3cret" }],
  ["a user name that ends in a line break", { username: "user\n", password: "s3cret" }],
])("a credential with %s is refused, and not shown", (_, value) => {
  const parse = () => toIdentity(value as never, AUDIENCE);
  expect(parse).toThrow(InvalidInputError);
  expect(parse).toThrow(expect.not.objectContaining({ message: expect.stringMatching(/s3cret|a:b/) }));
});

test("options are no credential", () => {
  expect(isRegistryCredential({ audience: AUDIENCE })).toBe(false);
  expect(isRegistryCredential({})).toBe(false);
  expect(isRegistryCredential(new FakeEntraCredential())).toBe(true);
  expect(isRegistryCredential({ password: "p" })).toBe(true);
});

test("Basic carries user name and password as UTF-8", () => {
  const header = basicAuthorization({ username: "user", password: "pä:ss✓" });
  expect(Buffer.from(header.replace("Basic ", ""), "base64").toString()).toBe("user:pä:ss✓");
});
