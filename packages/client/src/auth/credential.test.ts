import { expect, test } from "vitest";
import { FakeEntraCredential } from "../testing/client.ts";
import { basicAuthorization, isRegistryCredential } from "./credential.ts";

test("options are no credential", () => {
  expect(isRegistryCredential({ audience: "https://audience.example" })).toBe(false);
  expect(isRegistryCredential({})).toBe(false);
  expect(isRegistryCredential(new FakeEntraCredential())).toBe(true);
  expect(isRegistryCredential({ password: "p" })).toBe(true);
});

test("Basic carries user name and password as UTF-8", () => {
  const header = basicAuthorization({ username: "user", password: "pä:ss✓" });
  expect(Buffer.from(header.replace("Basic ", ""), "base64").toString()).toBe("user:pä:ss✓");
});
