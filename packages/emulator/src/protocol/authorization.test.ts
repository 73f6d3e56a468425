import { parseChallenges } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HOST, type TestRegistry, testRegistry } from "../testing/in-process.ts";

const TEXT = "authentication required, visit https://aka.ms/acr/authorization for more information.";
const DIGEST = `sha256:${"0".repeat(64)}`;

describe("a call without a sufficient token", () => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await testRegistry({ adminUser: { username: "admin", password: "right" } });
    await registry.pushImage("team/app", "v1");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const basic = (username: string, password: string) => ({
    headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` },
  });

  it("is challenged with realm, service and scope, in this order (2.1)", async () => {
    const answer = await registry.send("GET", "/acr/v1/team/app");
    expect(answer.status).toBe(401);
    expect(answer.header("www-authenticate")).toBe(
      `Bearer realm="https://${HOST}/oauth2/token",service="${HOST}",scope="repository:team/app:metadata_read"`,
    );
    expect(answer.json).toEqual({
      errors: [
        {
          code: "UNAUTHORIZED",
          message: TEXT,
          detail: [{ Type: "repository", Name: "team/app", Action: "metadata_read" }],
        },
      ],
    });
  });

  it("gets one detail per action, pull before push (2.1)", async () => {
    const answer = await registry.send("POST", "/v2/team/app/blobs/uploads/");
    expect(answer.json.errors[0].detail.map(({ Action }: { Action: string }) => Action)).toEqual(["pull", "push"]);
  });

  it("gets no scope and a null detail for GET /v2/ (2.1)", async () => {
    const answer = await registry.send("GET", "/v2/");
    expect(answer.header("www-authenticate")).toBe(`Bearer realm="https://${HOST}/oauth2/token",service="${HOST}"`);
    expect(answer.text).toContain('"detail":null');
  });

  it.for([
    ["GET", "/acr/v1/_catalog", "registry:catalog:*"],
    ["GET", "/v2/_catalog", "registry:catalog:*"],
    ["GET", "/acr/v1/a/b", "repository:a/b:metadata_read"],
    ["GET", "/acr/v1/a/b/_tags", "repository:a/b:metadata_read"],
    ["GET", "/acr/v1/a/b/_tags/t", "repository:a/b:metadata_read"],
    ["GET", "/acr/v1/a/b/_manifests", "repository:a/b:metadata_read"],
    ["GET", `/acr/v1/a/b/_manifests/${DIGEST}`, "repository:a/b:metadata_read"],
    ["GET", "/v2/a/b/tags/list", "repository:a/b:metadata_read"],
    ["PATCH", "/acr/v1/a/b", "repository:a/b:metadata_write"],
    ["PATCH", "/acr/v1/a/b/_tags/t", "repository:a/b:metadata_write"],
    ["PATCH", `/acr/v1/a/b/_manifests/${DIGEST}`, "repository:a/b:metadata_write"],
    ["DELETE", "/acr/v1/a/b", "repository:a/b:delete"],
    ["DELETE", "/acr/v1/a/b/_tags/t", "repository:a/b:delete"],
    ["DELETE", `/v2/a/b/manifests/${DIGEST}`, "repository:a/b:delete"],
    ["DELETE", `/v2/a/b/blobs/${DIGEST}`, "repository:a/b:delete"],
    ["GET", "/v2/a/b/manifests/t", "repository:a/b:pull"],
    ["HEAD", "/v2/a/b/manifests/t", "repository:a/b:pull"],
    ["GET", `/v2/a/b/blobs/${DIGEST}`, "repository:a/b:pull"],
    ["HEAD", `/v2/a/b/blobs/${DIGEST}`, "repository:a/b:pull"],
    ["GET", `/v2/a/b/referrers/${DIGEST}`, "repository:a/b:pull"],
    ["PUT", "/v2/a/b/manifests/t", "repository:a/b:pull,push"],
    ["POST", "/v2/a/b/blobs/uploads/", "repository:a/b:pull,push"],
    ["PATCH", "/v2/a/b/blobs/uploads/1", "repository:a/b:pull,push"],
    ["PUT", "/v2/a/b/blobs/uploads/1", "repository:a/b:pull,push"],
    ["GET", "/v2/a/b/blobs/uploads/1", "repository:a/b:pull,push"],
    ["DELETE", "/v2/a/b/blobs/uploads/1", "repository:a/b:pull,push"],
    ["POST", `/v2/a/b/blobs/uploads/?mount=${DIGEST}&from=c/d`, "repository:a/b:pull,push repository:c/d:pull"],
  ] as const)("%s %s asks for %s (2.2, 5.1)", async ([method, target, scope]) => {
    const answer = await registry.send(method, target);
    const [challenge] = parseChallenges(answer.header("www-authenticate") ?? "");
    expect([answer.status, challenge?.parameters.scope]).toEqual([401, scope]);
    expect(challenge?.parameters.error).toBeUndefined();
    // A token that lacks one action is refused, and told so; the right one gets past.
    const short = await registry.send(method, target, { scope: "repository:other:pull" });
    expect(short.header("www-authenticate")).toContain(`,error="insufficient_scope"`);
    expect((await registry.send(method, target, { scope })).status).not.toBe(401);
  });

  it("is 401 with insufficient_scope for a mount from a repository out of reach (5.1)", async () => {
    const digest = await registry.pushBlob("secret", "content");
    const answer = await registry.send("POST", `/v2/team/app/blobs/uploads/?mount=${digest}&from=secret`, {
      scope: "repository:team/app:pull,push",
    });
    expect(answer.status).toBe(401);
    expect(answer.header("www-authenticate")).toContain("repository:secret:pull");
  });

  it.for(["Bearer nonsense", "Bearer", "Digest a=b", "Bearer eyJhbGciOiJub25lIn0.e30."])(
    "is 401 with invalid_token for %s (2.1)",
    async (authorization) => {
      const answer = await registry.send("GET", "/acr/v1/team/app", { headers: { authorization } });
      expect(answer.status).toBe(401);
      expect(answer.header("www-authenticate")).toContain(`,error="invalid_token"`);
    },
  );

  it("is 401 with invalid_token once the token has expired (2.1, 2.6)", async () => {
    const own = await testRegistry();
    const authorization = `Bearer ${await own.token("registry:catalog:*")}`;
    const list = () => own.send("GET", "/acr/v1/_catalog", { headers: { authorization } });
    expect((await list()).status).toBe(200);
    own.registry.context.clock.advance(76 * 60 * 1000);
    expect((await list()).header("www-authenticate")).toContain(`error="invalid_token"`);
    await own[Symbol.asyncDispose]();
  });

  it("has length and no body when it is a HEAD (2.1)", async () => {
    // The server drops the body of a HEAD; the length stays.
    const answer = await registry.send("HEAD", `/v2/team/app/blobs/${DIGEST}`);
    expect(Number(answer.header("content-length"))).toBeGreaterThan(100);
  });

  it("may use Basic directly (2.5)", async () => {
    expect((await registry.send("GET", "/acr/v1/_catalog", basic("admin", "right"))).json.repositories).toContain(
      "team/app",
    );
    expect((await registry.send("GET", "/v2/", basic("admin", "right"))).status).toBe(200);
  });

  it("gets the Basic challenge for wrong credentials (2.1, 2.5)", async () => {
    const wrong = await registry.send("GET", "/acr/v1/_catalog", basic("admin", "wrong"));
    expect([wrong.status, wrong.json.errors[0].message]).toEqual([401, TEXT]);
    expect(wrong.header("www-authenticate")).toBe(`Basic realm="Azure Container Registry"`);
    const unknown = await registry.send("GET", "/acr/v1/_catalog", basic("nobody", "right"));
    expect(unknown.json.errors[0].message).toBe("Application not registered with AAD.");
  });

  it("may use a token as the password of the zero user (2.5)", async () => {
    const zero = "00000000-0000-0000-0000-000000000000";
    const { tokens } = registry.registry.context;
    const { objectId } = registry.credential({ actions: ["catalog"] });
    const owner = { subject: objectId, clientId: objectId, permissions: ["read"], isAbac: false };
    const refresh = await tokens.refreshToken(HOST, owner);
    const list = (password: string) => registry.send("GET", "/acr/v1/_catalog", basic(zero, password));
    expect((await list(refresh)).status).toBe(200);
    expect((await list(await registry.token("registry:catalog:*"))).status).toBe(200);
    expect((await list(await registry.token("repository:a:pull"))).status).toBe(401);
    expect((await list("nonsense")).header("www-authenticate")).toMatch(/^Basic/);
  });
});
