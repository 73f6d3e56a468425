import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HOST, type TestRegistry, testRegistry } from "../testing/in-process.ts";

describe("every answer", () => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await testRegistry();
    await registry.pushImage("team/app", "v1");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  it("exposes its headers in four lines, and says Strict-Transport-Security twice (1.2)", async () => {
    const answer = await registry.send("GET", "/v2/");
    expect(answer.lines("access-control-expose-headers")).toEqual([
      "Docker-Content-Digest",
      "WWW-Authenticate",
      "Link",
      "X-Ms-Correlation-Request-Id",
    ]);
    expect(answer.lines("strict-transport-security")).toHaveLength(2);
    expect(answer.header("docker-distribution-api-version")).toBe("registry/2.0");
    expect(answer.header("x-content-type-options")).toBe("nosniff");
  });

  it("has a correlation id of its own (1.2)", async () => {
    const ids = [await registry.send("GET", "/v2/"), await registry.send("GET", "/v2/")].map((answer) =>
      answer.header("x-ms-correlation-request-id"),
    );
    expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it("is plain text before authentication where no route matches (1.1)", async () => {
    for (const path of ["/", "/v3/", "/acr/v1/team/app/_manifests/latest", "/v2/UPPER/manifests/v1", "/acr/v1/%zz"]) {
      const answer = await registry.send("GET", path);
      expect([path, answer.status, answer.text]).toEqual([path, 404, "404 page not found\n"]);
      expect(answer.header("content-type")).toBe("text/plain; charset=utf-8");
      expect(answer.header("content-length")).toBe("19");
      expect(answer.lines("access-control-expose-headers")).toEqual([]);
    }
  });

  it("is 404 for GET /oauth2/exchange (1.1)", async () => {
    expect((await registry.send("GET", "/oauth2/exchange")).status).toBe(404);
  });

  it("routes %2F and %3A like / and : (1.1)", async () => {
    const scope = "repository:team/app:metadata_read";
    const digest = (await registry.send("GET", "/acr/v1/team/app/_tags/v1", { scope })).json.tag.digest;
    for (const path of [`team/app/_manifests/${digest}`, `team%2Fapp/_manifests/${digest.replace(":", "%3A")}`]) {
      expect((await registry.send("GET", `/acr/v1/${path}`, { scope })).json.manifest.digest).toBe(digest);
    }
  });

  it("does the same with api-version or without (1.1)", async () => {
    const scope = "repository:team/app:metadata_read";
    const answer = await registry.send("GET", "/acr/v1/team/app?api-version=2021-07-01", { scope });
    expect(answer.json).toMatchObject({ registry: HOST, imageName: "team/app" });
  });

  it("ends JSON with a newline that Content-Length counts (1.3)", async () => {
    const answer = await registry.send("GET", "/acr/v1/team/app", { scope: "repository:team/app:metadata_read" });
    expect(answer.text.endsWith("}\n")).toBe(true);
    expect(answer.header("content-length")).toBe(String(answer.bytes.byteLength));
    expect(answer.header("content-type")).toBe("application/json; charset=utf-8");
  });

  it("is chunked when it is long (1.3)", async () => {
    for (let index = 0; index < 8; index++) await registry.pushImage("team/long", `v${index}`);
    const answer = await registry.send("GET", "/acr/v1/team/long/_tags", {
      scope: "repository:team/long:metadata_read",
    });
    expect(answer.bytes.byteLength).toBeGreaterThan(2048);
    expect(answer.header("transfer-encoding")).toBe("chunked");
    expect(answer.header("content-length")).toBeUndefined();
  });

  it("carries the request's ids under /v2 past authentication, and on DELETE (1.2)", async () => {
    const headers = { "x-ms-client-request-id": "mine" };
    const scope = "repository:team/app:pull,push,delete,metadata_read,metadata_write";
    const carries = async (method: string, path: string, extra: object = {}) => {
      const answer = await registry.send(method, path, { headers, scope, ...extra });
      return [answer.header("x-ms-client-request-id"), answer.header("x-ms-request-id") !== undefined];
    };
    expect(await carries("GET", "/v2/")).toEqual(["mine", true]);
    expect(await carries("GET", "/v2/team/app/tags/list")).toEqual(["mine", true]);
    expect(await carries("GET", "/acr/v1/team/app")).toEqual([undefined, false]);
    expect(await carries("PATCH", "/acr/v1/team/app", { body: "{}" })).toEqual([undefined, false]);
    expect(await carries("DELETE", "/acr/v1/team/app/_tags/none")).toEqual(["mine", true]);
  });

  it("echoes an empty client request id when the request had none (1.2)", async () => {
    const answer = await registry.send("GET", "/v2/", { scope: "repository:a:pull" });
    expect(answer.header("x-ms-client-request-id")).toBe("");
  });

  it("has no request ids on a 401 (1.2)", async () => {
    expect((await registry.send("GET", "/v2/")).header("x-ms-request-id")).toBeUndefined();
    const refused = await registry.send("DELETE", "/acr/v1/team/app", { scope: "repository:team/app:pull" });
    expect(refused.status).toBe(401);
    expect(refused.header("x-ms-request-id")).toBeUndefined();
  });

  it("counts deletes (1.2)", async () => {
    const scope = "repository:team/app:delete";
    const answer = await registry.send("DELETE", "/acr/v1/team/app/_tags/none", { scope });
    expect(answer.header("x-ms-ratelimit-remaining-calls-per-second")).toBe("8.000000");
  });

  it("is 405 UNSUPPORTED for a method that a path does not have (unseen)", async () => {
    const digest = `sha256:${"0".repeat(64)}`;
    const answer = await registry.send("DELETE", `/acr/v1/team/app/_manifests/${digest}`);
    expect([answer.status, answer.json.errors[0].code]).toEqual([405, "UNSUPPORTED"]);
    expect(answer.header("allow")).toBe("GET, PATCH");
  });

  it("is 200 for GET and HEAD of /v2/ with any valid token (4.1)", async () => {
    for (const method of ["GET", "HEAD"]) {
      for (const path of ["/v2/", "/v2"]) {
        expect((await registry.send(method, path, { scope: "repository:a:pull" })).status).toBe(200);
      }
    }
  });

  it("is a 500 UNKNOWN when something fails inside, with the reason kept for the log", async () => {
    const broken = await testRegistry();
    broken.registry.close();
    const answer = await broken.send("GET", "/acr/v1/_catalog", { scope: "registry:catalog:*" });
    expect([answer.status, answer.json.errors[0].code]).toEqual([500, "UNKNOWN"]);
    expect(answer.failure).toBeInstanceOf(Error);
    await rm(broken.folder, { recursive: true });
  });
});
