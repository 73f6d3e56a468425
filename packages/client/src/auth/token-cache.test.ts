import { repositoryScope } from "@acrkit/oci";
import { describe, expect, test } from "vitest";
import { unsignedJwt } from "../testing/acr-registry.ts";
import { renewalTime, TokenCache } from "./token-cache.ts";

const MINUTE = 60_000;
const FETCHED_AT = 1_700_000_000_000;
const jwt = (iat: number | undefined, exp: number) => unsignedJwt({ ...(iat === undefined ? {} : { iat }), exp });

describe("renewalTime", () => {
  test("is five minutes before ACR's tokens expire", () => {
    const iat = FETCHED_AT / 1000;
    expect(renewalTime(jwt(iat, iat + 75 * 60), { fetchedAtMs: FETCHED_AT })).toBe(FETCHED_AT + 70 * MINUTE);
    expect(renewalTime(jwt(iat, iat + 195 * 60), { fetchedAtMs: FETCHED_AT })).toBe(FETCHED_AT + 190 * MINUTE);
  });

  test("leaves a fifth of the life of a short token", () => {
    const iat = FETCHED_AT / 1000;
    expect(renewalTime(jwt(iat, iat + 20 * 60), { fetchedAtMs: FETCHED_AT })).toBe(FETCHED_AT + 16 * MINUTE);
    expect(renewalTime(jwt(iat, iat + 60), { fetchedAtMs: FETCHED_AT })).toBe(FETCHED_AT + 48_000);
  });

  test.each([-3_600, 3_600])("does not depend on a clock that is %i s off", (offset) => {
    const iat = FETCHED_AT / 1000 + offset;
    expect(renewalTime(jwt(iat, iat + 75 * 60), { fetchedAtMs: FETCHED_AT })).toBe(FETCHED_AT + 70 * MINUTE);
  });

  test("counts to `exp` when there is no `iat`", () => {
    expect(renewalTime(jwt(undefined, FETCHED_AT / 1000 + 75 * 60), { fetchedAtMs: FETCHED_AT })).toBe(
      FETCHED_AT + 70 * MINUTE,
    );
  });

  test.each([-3_600_000, 3_600_000])(
    "counts to `exp` by the registry's clock, which is %i ms ahead",
    (clockOffsetMs) => {
      const exp = (FETCHED_AT + clockOffsetMs) / 1000 + 75 * 60;
      const age = { fetchedAtMs: FETCHED_AT, clockOffsetMs };
      expect(renewalTime(jwt(undefined, exp), age)).toBe(FETCHED_AT + 70 * MINUTE);
    },
  );

  test("takes `expires_in` of a token that is no JWT, and a minute when nothing is said", () => {
    expect(renewalTime("opaque", { fetchedAtMs: FETCHED_AT, expiresInSeconds: 3_600 })).toBe(FETCHED_AT + 55 * MINUTE);
    expect(renewalTime("opaque", { fetchedAtMs: FETCHED_AT })).toBe(FETCHED_AT + 48_000);
    expect(renewalTime(unsignedJwt({ exp: "soon" }), { fetchedAtMs: FETCHED_AT })).toBe(FETCHED_AT + 48_000);
  });

  test("a token that never lived is renewed at once", () => {
    const iat = FETCHED_AT / 1000;
    expect(renewalTime(jwt(iat, iat - 60), { fetchedAtMs: FETCHED_AT })).toBeLessThanOrEqual(FETCHED_AT);
  });
});

describe("TokenCache", () => {
  const PULL = [repositoryScope("app", ["pull"])];
  const PUSH = [repositoryScope("app", ["pull", "push"])];
  const token = (value: string, renewAtMs = 10) => ({ value, renewAtMs });

  test("gives a token until it has to be renewed", () => {
    const cache = new TokenCache();
    cache.set("me", PULL, token("token"));
    expect(cache.get("me", PULL, 9)?.value).toBe("token");
    expect(cache.get("me", PULL, 10)).toBeUndefined();
    expect(cache.get("me", PULL, 9)).toBeUndefined();
  });

  test("gives nobody another's token", () => {
    const cache = new TokenCache();
    cache.set("me", PULL, token("token"));
    expect(cache.get("you", PULL, 0)).toBeUndefined();
    expect(cache.get("m", [repositoryScope("e app", ["pull"])], 0)).toBeUndefined();
  });

  test("forgets what was refused, whatever it was for", () => {
    const cache = new TokenCache();
    cache.set("me", PUSH, token("token"));
    cache.set("me", PULL, token("other"));
    cache.delete("token");
    expect(cache.get("me", PUSH, 0)).toBeUndefined();
    expect(cache.get("me", PULL, 0)?.value).toBe("other");
  });

  test("gives a token that reaches further, but not one that does not, nor one of another repository", () => {
    const cache = new TokenCache();
    cache.set("me", [repositoryScope("base", ["pull"]), ...PUSH], token("mount"));
    expect(cache.get("me", PULL, 0)?.value).toBe("mount");
    expect(cache.get("me", PUSH, 0)?.value).toBe("mount");
    expect(cache.getExact("me", PUSH, 0)).toBeUndefined();
    expect(cache.get("me", [repositoryScope("base", ["push"])], 0)).toBeUndefined();
    expect(cache.get("me", [repositoryScope("other", ["pull"])], 0)).toBeUndefined();
    expect(cache.get("me", [], 0)).toBeUndefined();
    expect(cache.get("me", PULL, 10)).toBeUndefined();
  });

  test("gives a token only for what it says it was given, besides what it was asked for", () => {
    const cache = new TokenCache();
    const access = [{ Type: "repository", Name: "app", Actions: ["pull"] }];
    cache.set("me", PUSH, token(unsignedJwt({ access })));
    expect(cache.get("me", PULL, 0)).toBeDefined();
    expect(cache.get("me", [repositoryScope("app", ["push"])], 0)).toBeUndefined();
    // Asked again, the registry would say the same.
    expect(cache.get("me", PUSH, 0)).toBeDefined();
  });

  test("keeps a thousand tokens, and those in use", () => {
    const cache = new TokenCache();
    const scopes = (index: number) => [repositoryScope(`app${index}`, ["pull"])];
    for (let index = 0; index < 1_000; index++) cache.set("me", scopes(index), token(`token ${index}`));
    expect(cache.get("me", scopes(0), 0)?.value).toBe("token 0");
    cache.set("me", scopes(1_000), token("token"));
    expect(cache.get("me", scopes(1), 0)).toBeUndefined();
    expect(cache.get("me", scopes(0), 0)?.value).toBe("token 0");
    expect(cache.get("me", scopes(1_000), 0)?.value).toBe("token");
  });
});
