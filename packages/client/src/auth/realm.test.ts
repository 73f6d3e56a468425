import { InvalidInputError } from "@acrkit/oci";
import { expect, test } from "vitest";
import { isTrustedRealm, toTrustedOrigin } from "./realm.ts";

const REGISTRY = new URL("https://registry.example");
const trusted = (realm: string, origins: readonly string[] = []) => isTrustedRealm(new URL(realm), REGISTRY, origins);

test("the registry itself is trusted, at any path", () => {
  expect(trusted("https://registry.example/oauth2/token")).toBe(true);
  expect(trusted("https://registry.example:443/token")).toBe(true);
});

test.each([
  "http://registry.example/token",
  "https://registry.example:8443/token",
  "https://registry.example.evil.example/token",
  "https://evil.example/registry.example",
  "https://registry.example@evil.example/token",
])("%s is another place", (realm) => {
  expect(trusted(realm)).toBe(false);
});

test("an origin that the user named is trusted", () => {
  expect(trusted("https://auth.docker.io/token", ["https://auth.docker.io"])).toBe(true);
  expect(trusted("https://auth.docker.io/token", ["https://docker.io"])).toBe(false);
  expect(trusted("http://auth.docker.io/token", ["https://auth.docker.io"])).toBe(false);
});

test.each([
  "https://auth.docker.io",
  "https://auth.docker.io/",
  "https://auth.docker.io:443",
  "HTTPS://Auth.Docker.io",
])("%s names an origin", (text) => {
  expect(toTrustedOrigin(text)).toBe("https://auth.docker.io");
});

test.each(["auth.docker.io", "https://auth.docker.io/token", "https://u@auth.docker.io", "ftp://a", "*", ""])(
  "%j names none",
  (text) => {
    expect(() => toTrustedOrigin(text)).toThrow(InvalidInputError);
  },
);
