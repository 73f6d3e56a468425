import { parseScopes } from "@acrkit/oci";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { createClock } from "../clock.ts";
import { AcrTokens } from "./acr-tokens.ts";
import { Jwts } from "./jwt.ts";
import { lazySigningKey } from "./signing-key.ts";

const HOST = "registry.test";
const OWNER = { subject: "someone", clientId: "some-app", permissions: ["read"], isAbac: false };

describe("the registry's tokens (2.6)", () => {
  const key = lazySigningKey((create) => create());
  let clock = createClock();
  let tokens: AcrTokens;
  beforeEach(() => {
    clock = createClock();
    tokens = new AcrTokens(new Jwts(key, clock.now), "0".repeat(32));
  });

  it("are RS256 with a kid of twelve groups of four", async () => {
    const header = decodeProtectedHeader(await tokens.refreshToken(HOST, OWNER));
    expect(header).toEqual({
      alg: "RS256",
      typ: "JWT",
      kid: expect.stringMatching(/^(?:[A-Z2-7]{4}:){11}[A-Z2-7]{4}$/),
    });
  });

  it("live 195, 75 and 20 minutes", async () => {
    const life = (token: string) => (decodeJwt(token).exp ?? 0) - (decodeJwt(token).iat ?? 0);
    expect(life(await tokens.refreshToken(HOST, OWNER))).toBe(11_700);
    expect(life(await tokens.accessToken(HOST, "someone", []))).toBe(4_500);
    expect(life(await tokens.anonymousToken(HOST, []))).toBe(1_200);
  });

  it("have lower-case access entries, the anonymous one capitalised", async () => {
    const scopes = parseScopes("repository:a:pull");
    expect(decodeJwt(await tokens.accessToken(HOST, "someone", scopes)).access).toEqual([
      { type: "repository", name: "a", actions: ["pull"] },
    ]);
    const anonymous = decodeJwt(await tokens.anonymousToken(HOST, scopes));
    expect(anonymous).toMatchObject({
      sub: "acr_anon_pull",
      access: [{ Type: "repository", Name: "a", Actions: ["pull"] }],
    });
  });

  it("are read back, the anonymous one alike", async () => {
    const scopes = parseScopes("repository:a:pull");
    const read = (token: string) => tokens.readAccessToken(HOST, token);
    expect(await read(await tokens.accessToken(HOST, "someone", scopes))).toEqual({ kind: "valid", value: scopes });
    expect(await read(await tokens.anonymousToken(HOST, scopes))).toEqual({ kind: "valid", value: scopes });
    const refresh = await tokens.refreshToken(HOST, OWNER);
    expect(await tokens.readRefreshToken(HOST, refresh)).toEqual({ kind: "valid", value: "someone" });
  });

  it("are marked with aad_identity where the registry has ABAC (2.5)", async () => {
    expect(decodeJwt(await tokens.refreshToken(HOST, OWNER))).not.toHaveProperty("aad_identity");
    expect(decodeJwt(await tokens.refreshToken(HOST, { ...OWNER, isAbac: true }))).toHaveProperty("aad_identity");
  });

  it("expire by the emulator's clock, and are not valid before they were given", async () => {
    const token = await tokens.accessToken(HOST, "someone", []);
    clock.advance(4_499_000);
    expect((await tokens.readAccessToken(HOST, token)).kind).toBe("valid");
    clock.advance(2_000);
    expect((await tokens.readAccessToken(HOST, token)).kind).toBe("invalid");
    clock.advance(-4_600_000);
    expect((await tokens.readAccessToken(HOST, token)).kind).toBe("invalid");
  });

  it("survive a restart, for the key is kept", async () => {
    let kept: string | undefined;
    const keep = async (create: () => Promise<string>) => {
      kept ??= await create();
      return kept;
    };
    const before = new AcrTokens(new Jwts(lazySigningKey(keep), clock.now), "0".repeat(32));
    const after = new AcrTokens(new Jwts(lazySigningKey(keep), clock.now), "0".repeat(32));
    expect((await after.readRefreshToken(HOST, await before.refreshToken(HOST, OWNER))).kind).toBe("valid");
  });
});
