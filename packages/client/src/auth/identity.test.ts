import { InvalidInputError } from "@acrkit/oci";
import { expect, test } from "vitest";
import { unsignedJwt } from "../testing/acr-registry.ts";
import { FakeEntraCredential } from "../testing/client.ts";
import { ANONYMOUS, Identities, TOKEN_USER } from "./identity.ts";

const AUDIENCE = "https://audience.example";
const identityOf = (credential: unknown) => new Identities(AUDIENCE).of(credential);

test("every form of credential is told apart", () => {
  expect(identityOf(undefined)).toBe(ANONYMOUS);
  expect(identityOf(new FakeEntraCredential())).toMatchObject({ kind: "entra", audience: AUDIENCE });
  expect(identityOf({ username: "u", password: "p" })).toMatchObject({ kind: "basic", username: "u", password: "p" });
  expect(identityOf({ refreshToken: "t" })).toMatchObject({ kind: "refreshToken", refreshToken: "t" });
});

test("an Entra credential is asked for the audience's own scope", async () => {
  const credential = new FakeEntraCredential();
  const identity = identityOf(credential);
  if (identity.kind !== "entra") throw new Error(identity.kind);
  await identity.getToken(new AbortController().signal);
  expect(credential.asked).toEqual([`${AUDIENCE}/.default`]);
});

test("the key is the same for the same credential, differs for others, and shows nothing of it", () => {
  const identities = new Identities(AUDIENCE);
  const entra = new FakeEntraCredential();
  const all = [
    entra,
    new FakeEntraCredential(),
    { username: "user", password: "s3cret" },
    { username: "user", password: "s3cret2" },
    { username: "users", password: "3cret" },
    { refreshToken: "s3cret" },
    undefined,
  ];
  const keys = all.map((credential) => identities.of(credential).key);
  expect(new Set(keys).size).toBe(all.length);
  expect(keys.join()).not.toMatch(/s3cret|user/);
  expect(identities.of(entra).key).toBe(keys[0]);
  expect(identities.of({ username: "user", password: "s3cret" }).key).toBe(keys[2]);
});

test("an empty password is a password", () => {
  expect(identityOf({ username: "u", password: "" })).toMatchObject({ kind: "basic", password: "" });
});

test("docker's form of an ACR refresh token is one; of an access token, a password", () => {
  const refreshToken = unsignedJwt({ grant_type: "refresh_token" });
  const accessToken = unsignedJwt({ grant_type: "access_token" });
  expect(identityOf({ username: TOKEN_USER, password: refreshToken })).toMatchObject({
    kind: "refreshToken",
    refreshToken,
  });
  expect(identityOf({ username: TOKEN_USER, password: accessToken })).toMatchObject({ kind: "basic" });
  expect(identityOf({ username: TOKEN_USER, password: "opaque" })).toMatchObject({ kind: "basic" });
  expect(identityOf({ username: "me", password: refreshToken })).toMatchObject({ kind: "basic" });
});

test.each([
  ["null", null],
  ["a text", "s3cret"],
  ["a number", 5],
  ["a list", ["s3cret"]],
  ["nothing in it", {}],
  ["no password", { username: "u" }],
  ["no user name", { password: "s3cret" }],
  ["an empty user name", { username: "", password: "s3cret" }],
  ["an empty refresh token", { refreshToken: "" }],
  ["a refresh token that is no text", { refreshToken: 5 }],
  ["a refresh token that ends in a line break", { refreshToken: "s3cret\n" }],
  ["a refresh token that no header can carry", { refreshToken: "s3cr\u00e9t" }],
  ["a user name with a colon, which Basic cannot carry", { username: "a:b", password: "s3cret" }],
  ["a user name that ends in a line break", { username: "user\n", password: "s3cret" }],
  ["a password that ends in a line break", { username: "user", password: "s3cret\n" }],
  ["a password that would add a header", { username: "user", password: "s3cret\r\nx: y" }],
])("a credential with %s is refused, and not shown", (_, value) => {
  const parse = () => identityOf(value);
  expect(parse).toThrow(InvalidInputError);
  expect(parse).toThrow(expect.not.objectContaining({ message: expect.stringMatching(/s3cr|a:b/) }));
});
