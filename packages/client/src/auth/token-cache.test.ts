import { describe, expect, test } from "vitest";
import { unsignedJwt } from "../testing/acr-registry.ts";
import { renewalTime, TokenCache } from "./token-cache.ts";

const MINUTE = 60_000;
const FETCHED_AT = 1_700_000_000_000;
const jwt = (iat: number | undefined, exp: number) => unsignedJwt({ ...(iat === undefined ? {} : { iat }), exp });

describe("renewalTime", () => {
  test("is five minutes before ACR's tokens expire", () => {
    const iat = FETCHED_AT / 1000;
    expect(renewalTime(jwt(iat, iat + 75 * 60), FETCHED_AT)).toBe(FETCHED_AT + 70 * MINUTE);
    expect(renewalTime(jwt(iat, iat + 195 * 60), FETCHED_AT)).toBe(FETCHED_AT + 190 * MINUTE);
  });

  test("leaves a fifth of the life of a short token", () => {
    const iat = FETCHED_AT / 1000;
    expect(renewalTime(jwt(iat, iat + 20 * 60), FETCHED_AT)).toBe(FETCHED_AT + 16 * MINUTE);
    expect(renewalTime(jwt(iat, iat + 60), FETCHED_AT)).toBe(FETCHED_AT + 48_000);
  });

  test.each([-3_600, 3_600])("does not depend on a clock that is %i s off", (offset) => {
    const iat = FETCHED_AT / 1000 + offset;
    expect(renewalTime(jwt(iat, iat + 75 * 60), FETCHED_AT)).toBe(FETCHED_AT + 70 * MINUTE);
  });

  test("counts to `exp` when there is no `iat`", () => {
    expect(renewalTime(jwt(undefined, FETCHED_AT / 1000 + 75 * 60), FETCHED_AT)).toBe(FETCHED_AT + 70 * MINUTE);
  });

  test("takes `expires_in` of a token that is no JWT, and a minute when nothing is said", () => {
    expect(renewalTime("opaque", FETCHED_AT, 3_600)).toBe(FETCHED_AT + 55 * MINUTE);
    expect(renewalTime("opaque", FETCHED_AT)).toBe(FETCHED_AT + 48_000);
    expect(renewalTime(unsignedJwt({ exp: "soon" }), FETCHED_AT)).toBe(FETCHED_AT + 48_000);
  });

  test("a token that never lived is renewed at once", () => {
    const iat = FETCHED_AT / 1000;
    expect(renewalTime(jwt(iat, iat - 60), FETCHED_AT)).toBeLessThanOrEqual(FETCHED_AT);
  });
});

describe("TokenCache", () => {
  test("gives a token until it has to be renewed", () => {
    const cache = new TokenCache();
    cache.set("key", { value: "token", renewAtMs: 10 });
    expect(cache.get("key", 9)?.value).toBe("token");
    expect(cache.get("key", 10)).toBeUndefined();
    expect(cache.get("key", 9)).toBeUndefined();
  });

  test("forgets on request", () => {
    const cache = new TokenCache();
    cache.set("a", { value: "token", renewAtMs: 10 });
    cache.delete("a");
    expect(cache.get("a", 0)).toBeUndefined();
  });

  test("keeps a thousand tokens, and those in use", () => {
    const cache = new TokenCache();
    for (let index = 0; index < 1_000; index++) cache.set(`key ${index}`, { value: `token ${index}`, renewAtMs: 10 });
    expect(cache.get("key 0", 0)?.value).toBe("token 0");
    cache.set("one more", { value: "token", renewAtMs: 10 });
    expect(cache.get("key 1", 0)).toBeUndefined();
    expect(cache.get("key 0", 0)?.value).toBe("token 0");
    expect(cache.get("one more", 0)?.value).toBe("token");
  });
});
