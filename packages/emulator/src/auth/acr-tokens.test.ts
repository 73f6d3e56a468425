import { parseScopes } from "@acrkit/oci";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { createClock } from "../clock.ts";
import { AcrTokens } from "./acr-tokens.ts";
import { ALL_ACTIONS } from "./actions.ts";
import { Jwts } from "./jwt.ts";
import { lazySigningKey } from "./signing-key.ts";

const HOST = "registry.test";
const BEARER = { subject: "someone", actions: ALL_ACTIONS };

describe("the registry's tokens (2.6)", () => {
  const key = lazySigningKey((create) => create());
  let clock = createClock();
  let tokens: AcrTokens;
  beforeEach(() => {
    clock = createClock();
    tokens = new AcrTokens(new Jwts(key, clock.now), "0".repeat(32));
  });

  it("are RS256 with a kid of twelve groups of four", async () => {
    const header = decodeProtectedHeader(await tokens.refreshToken(HOST, BEARER));
    expect(header).toEqual({
      alg: "RS256",
      typ: "JWT",
      kid: expect.stringMatching(/^(?:[A-Z2-7]{4}:){11}[A-Z2-7]{4}$/),
    });
  });

  it("live 195, 75 and 20 minutes", async () => {
    const life = (token: string) => (decodeJwt(token).exp ?? 0) - (decodeJwt(token).iat ?? 0);
    expect(life(await tokens.refreshToken(HOST, BEARER))).toBe(11_700);
    expect(life(await tokens.accessToken(HOST, BEARER, []))).toBe(4_500);
    expect(life(await tokens.anonymousToken(HOST, []))).toBe(1_200);
  });

  it("have lower-case access entries, the anonymous one capitalised", async () => {
    const scopes = parseScopes("repository:a:pull");
    expect(decodeJwt(await tokens.accessToken(HOST, BEARER, scopes)).access).toEqual([
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
    expect(await read(await tokens.accessToken(HOST, BEARER, scopes))).toEqual({ kind: "valid", value: scopes });
    expect(await read(await tokens.anonymousToken(HOST, scopes))).toEqual({ kind: "valid", value: scopes });
  });

  it("hold only what the identity may do, silently (2.3)", async () => {
    const reader = { subject: "reader", actions: ["pull"] as const };
    const token = await tokens.accessToken(HOST, reader, parseScopes("repository:a:pull,push registry:catalog:*"));
    expect(decodeJwt(token).access).toEqual([{ type: "repository", name: "a", actions: ["pull"] }]);
  });

  it("carry an identity's actions through the refresh token", async () => {
    const reader = { subject: "reader", actions: ["pull", "metadata_read"] as const };
    const read = await tokens.readRefreshToken(HOST, await tokens.refreshToken(HOST, reader));
    expect(read).toEqual({ kind: "valid", value: reader });
  });

  it("expire by the emulator's clock", async () => {
    const token = await tokens.accessToken(HOST, BEARER, []);
    clock.advance(4_499_000);
    expect((await tokens.readAccessToken(HOST, token)).kind).toBe("valid");
    clock.advance(2_000);
    expect((await tokens.readAccessToken(HOST, token)).kind).toBe("invalid");
  });

  it("are refused elsewhere, as another kind, and when forged", async () => {
    const access = await tokens.accessToken(HOST, BEARER, []);
    expect((await tokens.readAccessToken("other.test", access)).kind).toBe("invalid");
    expect((await tokens.readRefreshToken(HOST, access)).kind).toBe("invalid");
    const [header, , signature] = access.split(".");
    const claims = Buffer.from(JSON.stringify({ ...decodeJwt(access), sub: "other" })).toString("base64url");
    expect((await tokens.readAccessToken(HOST, `${header}.${claims}.${signature}`)).kind).toBe("invalid");
    expect((await tokens.readAccessToken(HOST, "nonsense")).kind).toBe("invalid");
  });

  it("are refused when another registry's key signed them", async () => {
    const others = new AcrTokens(
      new Jwts(
        lazySigningKey((create) => create()),
        clock.now,
      ),
      "0".repeat(32),
    );
    expect((await tokens.readAccessToken(HOST, await others.accessToken(HOST, BEARER, []))).kind).toBe("invalid");
  });

  it("survive a restart, for the key is kept", async () => {
    let kept: string | undefined;
    const keep = async (create: () => Promise<string>) => {
      kept ??= await create();
      return kept;
    };
    const before = new AcrTokens(new Jwts(lazySigningKey(keep), clock.now), "0".repeat(32));
    const after = new AcrTokens(new Jwts(lazySigningKey(keep), clock.now), "0".repeat(32));
    expect((await after.readRefreshToken(HOST, await before.refreshToken(HOST, BEARER))).kind).toBe("valid");
  });
});
