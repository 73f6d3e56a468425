import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HOST, type TestRegistry, testRegistry } from "../testing/in-process.ts";

const AUDIENCE = "https://containerregistry.azure.net/.default";
const ZERO_USER = "00000000-0000-0000-0000-000000000000";

describe("the token endpoints", () => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await testRegistry({ adminUser: { username: "admin", password: "right" } });
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const post = (path: string, form: Record<string, string> | [string, string][], to = registry) =>
    to.send("POST", path, { body: new URLSearchParams(form).toString() });
  const aad = async (scope = AUDIENCE, to = registry) => (await to.credential().getToken(scope)).token;
  const exchange = async (token: string, to = registry) =>
    post("/oauth2/exchange", { grant_type: "access_token", service: HOST, access_token: token }, to);

  describe("POST /oauth2/exchange (2.3)", () => {
    it("gives a refresh token and nothing else", async () => {
      const answer = await exchange(await aad());
      expect(answer.status).toBe(200);
      expect(Object.keys(answer.json)).toEqual(["refresh_token"]);
      expect(decodeJwt(answer.json.refresh_token)).toMatchObject({
        aud: HOST,
        grant_type: "refresh_token",
        permissions: {
          Actions: ["read", "write", "delete", "deleted/read", "deleted/restore/action"],
          NotActions: null,
        },
      });
    });

    it("has fewer headers, and is chunked (1.2)", async () => {
      const answer = await exchange(await aad());
      expect(answer.lines("strict-transport-security")).toHaveLength(1);
      expect(answer.header("transfer-encoding")).toBe("chunked");
      expect(answer.header("docker-distribution-api-version")).toBeUndefined();
      expect(answer.header("x-ms-ratelimit-remaining-calls-per-second")).toMatch(/^\d+\.\d{1,6}$/);
    });

    it.for([
      "https://management.azure.com/.default",
      "https://management.core.windows.net//.default",
      "https://management.chinacloudapi.cn/.default",
      "https://management.usgovcloudapi.net/.default",
    ])("takes tokens for ARM: %s (2.7)", async (scope) => {
      expect((await exchange(await aad(scope))).status).toBe(200);
    });

    it("refuses another audience with 78 bytes and no challenge", async () => {
      const answer = await exchange(await aad("https://graph.microsoft.com/.default"));
      expect([answer.status, answer.text]).toEqual([
        401,
        '{"errors":[{"code":"UNAUTHORIZED","message":"retrieving permissions failed"}]}',
      ]);
      expect(answer.header("content-length")).toBe("78");
      expect(answer.header("content-type")).toBe("application/json");
      expect(answer.header("www-authenticate")).toBeUndefined();
    });

    it("refuses tokens of others, of nobody, out of date, and of identities without permission", async () => {
      await using other = await testRegistry();
      const { clock } = registry.registry.context;
      const old = await aad();
      expect((await exchange(await aad(AUDIENCE, other))).status).toBe(401);
      expect((await exchange("nonsense")).status).toBe(401);
      expect((await exchange((await registry.credential({ actions: [] }).getToken(AUDIENCE)).token)).status).toBe(401);
      clock.advance(2 * 60 * 60 * 1000);
      expect((await exchange(old)).status).toBe(401);
    });
  });

  describe("POST /oauth2/token", () => {
    const refresh = async () => (await exchange(await aad())).json.refresh_token as string;
    const withScope = async (scope: string) =>
      post("/oauth2/token", { grant_type: "refresh_token", service: HOST, scope, refresh_token: await refresh() });

    it("gives an access token and nothing else: no expires_in, no token (2.3)", async () => {
      const answer = await withScope("repository:a:metadata_read");
      expect(Object.keys(answer.json)).toEqual(["access_token"]);
      expect(decodeJwt(answer.json.access_token)).toMatchObject({
        aud: HOST,
        grant_type: "access_token",
        access: [{ type: "repository", name: "a", actions: ["metadata_read"] }],
      });
    });

    it("gives several scopes, separated by spaces or repeated (2.2)", async () => {
      const joined = await withScope("repository:a:pull repository:b:pull,push");
      const repeated = await post("/oauth2/token", [
        ["grant_type", "refresh_token"],
        ["refresh_token", await refresh()],
        ["scope", "repository:a:pull"],
        ["scope", "repository:b:pull,push"],
      ]);
      for (const { json } of [joined, repeated]) {
        expect(decodeJwt(json.access_token).access).toEqual([
          { type: "repository", name: "a", actions: ["pull"] },
          { type: "repository", name: "b", actions: ["pull", "push"] },
        ]);
      }
    });

    it("gives what acr-cli asks for: registry:catalog:* repository:*:* (2.5)", async () => {
      const { access_token } = (await withScope("registry:catalog:* repository:*:*")).json;
      const headers = { authorization: `Bearer ${access_token}` };
      expect((await registry.send("GET", "/acr/v1/_catalog", { headers })).status).toBe(200);
      expect((await registry.send("GET", "/acr/v1/none", { headers })).status).toBe(404);
    });

    it("refuses a bad refresh token, and an access token in its place", async () => {
      for (const token of ["nonsense", "", await registry.token("repository:a:pull")]) {
        const answer = await post("/oauth2/token", {
          grant_type: "refresh_token",
          scope: "repository:a:pull",
          refresh_token: token,
        });
        expect([answer.status, answer.json.errors[0].code]).toEqual([401, "UNAUTHORIZED"]);
      }
    });

    it("takes user name and password (2.5)", async () => {
      const login = (username: string, password: string) =>
        post("/oauth2/token", { grant_type: "password", scope: "registry:catalog:*", username, password });
      expect((await login("admin", "right")).status).toBe(200);
      expect((await login("admin", "wrong")).status).toBe(401);
      expect((await login("nobody", "x")).json.errors[0].message).toBe("Application not registered with AAD.");
      expect((await login(ZERO_USER, await refresh())).status).toBe(200);
    });

    it("refuses the anonymous flow where anonymous pull is off (2.4)", async () => {
      const answer = await post("/oauth2/token", {
        grant_type: "password",
        scope: "registry:catalog:*",
        refresh_token: "",
      });
      expect(answer.status).toBe(401);
    });

    it.for([
      ["no grant", ""],
      ["another grant", "grant_type=client_credentials"],
      ["a scope that is none", "grant_type=password&scope=a"],
      ["bytes that are no form", "\u0000%zz%"],
      ["a form of nothing but separators", "a&".repeat(500_000)],
      ["a form beyond all bounds", `grant_type=password&scope=${"a".repeat(2 * 1024 * 1024)}`],
    ])("answers 400 to %s", async ([, body = ""]) => {
      const answer = await registry.send("POST", "/oauth2/token", { body });
      expect(answer.status).toBe(400);
      expect(answer.failure).toBeUndefined();
    });
  });

  it("GET /oauth2/token with Basic gives an access token (2.5)", async () => {
    const get = (username: string, password: string) =>
      registry.send("GET", "/oauth2/token?service=x&scope=repository:a:pull", {
        headers: { authorization: `Basic ${btoa(`${username}:${password}`)}` },
      });
    expect(Object.keys((await get("admin", "right")).json)).toEqual(["access_token"]);
    expect((await get("admin", "wrong")).status).toBe(401);
    expect((await registry.send("GET", "/oauth2/token?scope=repository:a:pull")).status).toBe(401);
  });

  describe("anonymous pull (2.4)", () => {
    let open: TestRegistry;
    beforeAll(async () => {
      open = await testRegistry({ anonymousPull: true });
      await open.pushImage("team/app", "v1");
    });
    afterAll(() => open[Symbol.asyncDispose]());

    const anonymous = async (scope: string) =>
      (await post("/oauth2/token", { grant_type: "password", service: HOST, scope, refresh_token: "" }, open)).json
        .access_token as string;

    it("gives the catalog, with capitalised keys", async () => {
      expect(decodeJwt(await anonymous("registry:catalog:*")).access).toEqual([
        { Type: "registry", Name: "catalog", Actions: ["*"] },
      ]);
    });

    it("replaces what is not allowed by pull on every repository, silently", async () => {
      expect(decodeJwt(await anonymous("repository:team/app:delete")).access).toEqual([
        { Type: "repository", Name: "*", Actions: ["pull"] },
      ]);
    });

    it("lists and pulls, and may not change anything", async () => {
      const as = async (method: string, path: string, scope: string) =>
        (await open.send(method, path, { headers: { authorization: `Bearer ${await anonymous(scope)}` }, body: "{}" }))
          .status;
      expect(await as("GET", "/acr/v1/_catalog", "registry:catalog:*")).toBe(200);
      expect(await as("GET", "/v2/team/app/tags/list", "repository:team/app:metadata_read")).toBe(200);
      expect(await as("GET", "/v2/team/app/manifests/none", "repository:team/app:pull")).toBe(404);
      expect(await as("PATCH", "/acr/v1/team/app", "repository:team/app:metadata_write")).toBe(401);
      expect(await as("DELETE", "/acr/v1/team/app", "repository:team/app:delete")).toBe(401);
      expect(await as("POST", "/v2/team/app/blobs/uploads/", "repository:team/app:pull,push")).toBe(401);
    });

    it("works by GET without credentials, as docker does it", async () => {
      const answer = await open.send("GET", "/oauth2/token?service=x&scope=repository:team/app:pull");
      expect(decodeJwt(answer.json.access_token).sub).toBe("acr_anon_pull");
    });
  });
});
