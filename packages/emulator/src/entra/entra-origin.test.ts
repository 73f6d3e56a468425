import { randomUUID } from "node:crypto";
import { createLocalJWKSet, decodeJwt, exportSPKI, generateKeyPair, jwtVerify, SignJWT } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { Entra } from "../auth/entra.ts";
import { createDirectoryIdentity } from "../auth/entra-directory.ts";
import { Jwts } from "../auth/jwt.ts";
import { lazySigningKey } from "../auth/signing-key.ts";
import { createClock } from "../clock.ts";
import { createEntraHandler } from "./entra-origin.ts";

const ORIGIN = "https://localhost:444";
const SCOPE = "https://containerregistry.azure.net/.default";
const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const key = lazySigningKey((create) => create());

describe("the stand-in for Entra ID", () => {
  let clock = createClock();
  let entra: Entra;
  let tenant: string;
  beforeEach(() => {
    clock = createClock();
    entra = new Entra(new Jwts(key, clock.now), createDirectoryIdentity(), clock.now);
    tenant = entra.directory.tenantId;
  });

  const send = async (method: string, path: string, body = "", headers: Record<string, string> = {}) => {
    const handler = createEntraHandler({ entra, now: clock.now, origin: () => ORIGIN });
    async function* bytes() {
      yield Buffer.from(body);
    }
    const answer = await handler({
      origin: "entra",
      method,
      path,
      query: new URLSearchParams(),
      headers,
      body: bytes(),
    });
    const text = Buffer.from(answer.body as Uint8Array).toString();
    return { ...answer, text, json: text.startsWith("{") ? JSON.parse(text) : undefined };
  };
  const token = (form: Record<string, string>, path = `/${tenant}/oauth2/v2.0/token`) =>
    send("POST", path, new URLSearchParams({ grant_type: "client_credentials", ...form }).toString());
  const owner = () => ({
    client_id: entra.directory.owner.clientId,
    client_secret: entra.directory.owner.clientSecret,
  });

  it.for(["", "common", "organizations"])("publishes metadata for %j", async (name) => {
    const wanted = name === "" ? tenant : name;
    const { status, json } = await send("GET", `/${wanted}/v2.0/.well-known/openid-configuration`);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      issuer: `${ORIGIN}/${wanted}/v2.0`,
      token_endpoint: `${ORIGIN}/${wanted}/oauth2/v2.0/token`,
      jwks_uri: `${ORIGIN}/${wanted}/discovery/v2.0/keys`,
    });
    const v1 = await send("GET", `/${wanted}/.well-known/openid-configuration`);
    expect(v1.json.token_endpoint).toBe(`${ORIGIN}/${wanted}/oauth2/token`);
  });

  it("answers what clients ask about an authority that they do not know", async () => {
    const { json } = await send("GET", "/common/discovery/instance");
    expect(json.metadata).toEqual([
      { preferred_network: "localhost:444", preferred_cache: "localhost:444", aliases: ["localhost:444"] },
    ]);
  });

  it("gives tokens with the claims of version 1, which its published keys verify", async () => {
    const { json } = await token({ ...owner(), scope: SCOPE });
    expect(json).toEqual({
      token_type: "Bearer",
      expires_in: 3599,
      ext_expires_in: 3599,
      access_token: expect.any(String),
    });
    const keys = (await send("GET", `/${tenant}/discovery/v2.0/keys`)).json;
    const { payload, protectedHeader } = await jwtVerify(json.access_token, createLocalJWKSet(keys));
    expect(protectedHeader.kid).toBe(keys.keys[0].kid);
    expect(keys.keys[0]).not.toHaveProperty("d");
    const { clientId, objectId } = entra.directory.owner;
    expect(payload).toMatchObject({
      aud: "https://containerregistry.azure.net",
      iss: `https://sts.windows.net/${tenant}/`,
      appid: clientId,
      appidacr: "1",
      oid: objectId,
      sub: objectId,
      tid: tenant,
      ver: "1.0",
    });
    expect(await entra.identify(json.access_token)).toEqual({ objectId, clientId });
  });

  it("gives tokens for a resource, the way of version 1", async () => {
    const form = { ...owner(), resource: "https://management.core.windows.net/" };
    const { json } = await token(form, `/${tenant}/oauth2/token`);
    expect(json).toMatchObject({ token_type: "Bearer", expires_in: "3599", resource: form.resource });
    expect(decodeJwt(json.access_token).aud).toBe(form.resource);
  });

  it("says what is wrong in Entra's shape, and gives the client's id back", async () => {
    const correlation = randomUUID();
    const body = new URLSearchParams({
      grant_type: "client_credentials",
      ...owner(),
      client_secret: "hush",
      scope: SCOPE,
    });
    const answer = await send("POST", `/${tenant}/oauth2/v2.0/token`, body.toString(), {
      "client-request-id": correlation,
    });
    expect(answer.status).toBe(401);
    expect(answer.json).toEqual({
      error: "invalid_client",
      error_description: expect.stringMatching(
        new RegExp(
          `^AADSTS7000215: Invalid client secret provided\\. .* Trace ID: ${answer.json.trace_id} Correlation ID: ${correlation} Timestamp: \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\dZ$`,
        ),
      ),
      error_codes: [7000215],
      timestamp: expect.any(String),
      trace_id: expect.any(String),
      correlation_id: correlation,
      error_uri: "https://login.microsoftonline.com/error?code=7000215",
    });
    expect(answer.text).not.toContain("hush");
  });

  it.for<[string, number, string, Record<string, string>]>([
    ["no grant", 900144, "invalid_request", { grant_type: "" }],
    ["another grant", 70003, "unsupported_grant_type", { grant_type: "password" }],
    ["no application", 900144, "invalid_request", { client_id: "" }],
    ["an unknown application", 700016, "unauthorized_client", { client_id: "nobody" }],
    ["an application of every object", 700016, "unauthorized_client", { client_id: "constructor" }],
    ["no secret", 7000218, "invalid_client", { client_secret: "" }],
    ["a huge secret", 7000215, "invalid_client", { client_secret: "x".repeat(100_000) }],
    ["no scope", 900144, "invalid_request", { scope: "" }],
    ["a scope without /.default", 1002012, "invalid_scope", { scope: "https://containerregistry.azure.net" }],
    ["two resources", 70011, "invalid_scope", { scope: `${SCOPE} https://management.azure.com/.default` }],
    ["a resource that is none", 500011, "invalid_resource", { scope: "<script>/.default" }],
    ["no assertion", 50027, "invalid_client", { client_assertion_type: ASSERTION_TYPE, client_assertion: "nonsense" }],
    [
      "a huge assertion",
      50027,
      "invalid_client",
      { client_assertion_type: ASSERTION_TYPE, client_assertion: "x".repeat(100_000) },
    ],
  ])("refuses %s with AADSTS%d", async ([, code, error, changes]) => {
    const { json, failure } = await token({ ...owner(), scope: SCOPE, ...changes });
    expect([json.error_codes, json.error, failure]).toEqual([[code], error, undefined]);
    expect(json.error_description.length).toBeLessThan(1000);
    expect(json.error_description).toMatch(/^[\x20-\x7e]+$/);
  });

  it("knows no other tenant", async () => {
    for (const path of [`/${randomUUID()}/oauth2/v2.0/token`, "/contoso.com/oauth2/token"]) {
      expect((await token({ ...owner(), scope: SCOPE }, path)).json.error_codes).toEqual([90002]);
    }
    const metadata = await send("GET", "/contoso.com/v2.0/.well-known/openid-configuration");
    expect([metadata.status, metadata.json.error, metadata.json.error_codes]).toEqual([400, "invalid_tenant", [90002]]);
  });

  it.for(["/", "//", "/x", "/common/", "/common/constructor", "/common/oauth2/v2.0/authorize", "/%ff/discovery/keys"])(
    "is not at %s",
    async (path) => {
      expect([404, 400]).toContain((await send("GET", path)).status);
    },
  );

  it("lets secrets expire by the emulator's clock", async () => {
    const { clientId, clientSecret } = entra.directory.register({ secretExpiresOn: new Date(clock.now() + 1000) });
    const form = { client_id: clientId, client_secret: clientSecret, scope: SCOPE };
    expect((await token(form)).status).toBe(200);
    clock.advance(1000);
    expect((await token(form)).json.error_codes).toEqual([7000222]);
  });

  describe("with an assertion in the place of a secret", () => {
    const asserted = (client_id: string, client_assertion: string) =>
      token({ client_id, client_assertion, client_assertion_type: ASSERTION_TYPE, scope: SCOPE });

    it("takes a federated token of the right subject, audience, issuer and time", async () => {
      const { clientId } = entra.directory.register({ federatedSubject: "pod" });
      const accepted = await asserted(clientId, await entra.federatedToken("pod"));
      expect(decodeJwt(accepted.json.access_token).appidacr).toBe("2");
      const codes = async (assertion: string) => (await asserted(clientId, assertion)).json.error_codes;
      expect(await codes(await entra.federatedToken("other"))).toEqual([700213]);
      expect(await codes(await entra.federatedToken("pod", "https://other"))).toEqual([700212]);
      const { token: accessToken } = await entra.accessToken(entra.directory.owner, "api://AzureADTokenExchange");
      expect(await codes(accessToken)).toEqual([700211]);
      const old = await entra.federatedToken("pod");
      clock.advance(3600 * 1000);
      expect(await codes(old)).toEqual([700024]);
      const { privateKey } = await generateKeyPair("RS256");
      const claims = decodeJwt(await entra.federatedToken("pod"));
      expect(await codes(await new SignJWT(claims).setProtectedHeader({ alg: "RS256" }).sign(privateKey))).toEqual([
        700211,
      ]);
      const none = entra.directory.register();
      expect((await asserted(none.clientId, await entra.federatedToken("undefined"))).json.error_codes).toEqual([
        700213,
      ]);
    });

    it("takes one that the application's certificate signed, for this token endpoint and this time", async () => {
      const { publicKey, privateKey } = await generateKeyPair("PS256", { extractable: true });
      const { clientId } = entra.directory.register({ certificate: await exportSPKI(publicKey) });
      const now = Math.floor(clock.now() / 1000);
      const right = {
        iss: clientId,
        sub: clientId,
        aud: `${ORIGIN}/${tenant}/oauth2/v2.0/token`,
        nbf: now,
        exp: now + 600,
        jti: randomUUID(),
      };
      const sign = (claims: Record<string, unknown>, by = privateKey) =>
        new SignJWT({ ...right, ...claims }).setProtectedHeader({ alg: "PS256" }).sign(by);
      expect((await asserted(clientId, await sign({}))).status).toBe(200);
      const codes = async (assertion: string) => (await asserted(clientId, assertion)).json.error_codes;
      expect(await codes(await sign({ sub: "other" }))).toEqual([700027]);
      expect(await codes(await sign({ aud: "https://login.microsoftonline.com/x/oauth2/v2.0/token" }))).toEqual([
        700027,
      ]);
      expect(await codes(await sign({}, (await generateKeyPair("PS256")).privateKey))).toEqual([700027]);
      expect(await codes(await sign({ exp: now - 400 }))).toEqual([700024]);
      expect(await codes(await sign({ nbf: now + 400 }))).toEqual([700024]);
      const { clientId: other } = entra.directory.register();
      expect((await asserted(other, await sign({ iss: other, sub: other }))).json.error_codes).toEqual([700027]);
    });

    it("refuses a certificate that is none when it is registered", () => {
      expect(() => entra.directory.register({ certificate: "nonsense" })).toThrow(/PEM/);
      expect(() => entra.directory.register({ secret: "" })).toThrow(/not empty/);
    });
  });
});
