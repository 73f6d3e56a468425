import { expect, test } from "vitest";
import { readChallenge } from "./challenge.ts";

const REGISTRY = new URL("https://registry.example");

test("ACR's challenge gives realm, service and scope", () => {
  const header =
    'Bearer realm="https://registry.example/oauth2/token",service="registry.example",scope="repository:a/b:pull,push",error="insufficient_scope"';
  expect(readChallenge(header, REGISTRY)).toEqual({
    scheme: { kind: "bearer", realm: new URL("https://registry.example/oauth2/token"), service: "registry.example" },
    scope: "repository:a/b:pull,push",
    error: "insufficient_scope",
  });
});

test("bearer goes before basic, whatever comes first", () => {
  expect(readChallenge('Basic realm="x", Bearer realm="https://auth.example/token"', REGISTRY)?.scheme.kind).toBe(
    "bearer",
  );
});

test("a relative realm is the registry's own", () => {
  expect(readChallenge('Bearer realm="/token"', REGISTRY)?.scheme).toMatchObject({
    realm: new URL("https://registry.example/token"),
  });
});

test("basic is taken where bearer cannot be met", () => {
  expect(readChallenge('Basic realm="Azure Container Registry"', REGISTRY)?.scheme).toEqual({ kind: "basic" });
  expect(readChallenge('Bearer realm="https://[", Basic realm="x"', REGISTRY)?.scheme).toEqual({ kind: "basic" });
});

test.each([undefined, "", "Negotiate", "Bearer", 'Bearer service="x"', 'Bearer realm="https://["', "\u0000"])(
  "%j is no challenge that can be met",
  (header) => {
    expect(readChallenge(header, REGISTRY)).toBeUndefined();
  },
);
