import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestRegistry, testRegistry } from "../testing/in-process.ts";

const scope = "repository:app:pull,push,delete";
const NONE = `sha256:${"0".repeat(64)}`;
const CONTENT = "0123456789";

describe("a blob", () => {
  let registry: TestRegistry;
  let digest = "";
  let hex = "";
  beforeAll(async () => {
    registry = await testRegistry();
    digest = await registry.pushBlob("app", CONTENT);
    hex = digest.slice("sha256:".length);
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const location = async () =>
    (await registry.send("GET", `/v2/app/blobs/${digest}`, { scope })).header("location") ?? "";

  it("is redirected to another origin, with a link and a signature (5.5)", async () => {
    const answer = await registry.send("GET", `/v2/app/blobs/${digest}`, { scope, headers: { range: "bytes=1-2" } });
    expect(answer.status).toBe(307);
    expect(answer.header("content-type")).toBe("text/html; charset=utf-8");
    expect(answer.header("docker-content-digest")).toBe(digest);
    const url = answer.header("location") ?? "";
    expect(url).toMatch(
      new RegExp(
        `^https://registry\\.test:444/[0-9a-f]{32}-[0-9a-f]+//docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data\\?`,
      ),
    );
    expect([...new URL(url).searchParams.keys()]).toEqual(["se", "sig", "sp", "spr", "sr", "sv", "regid"]);
    expect(answer.text).toBe(`<a href="${url.replaceAll("&", "&amp;")}">Temporary Redirect</a>.\n\n`);
    expect(answer.header("x-ms-request-id")).toBeUndefined();
  });

  it("is told its length by HEAD, without a redirect, whatever Range says (5.6)", async () => {
    const answer = await registry.send("HEAD", `/v2/app/blobs/${digest}`, { scope, headers: { range: "bytes=0-2" } });
    expect([answer.status, answer.header("content-length")]).toEqual([200, "10"]);
    expect(answer.header("content-type")).toBe("application/octet-stream");
    expect(answer.header("docker-content-digest")).toBe(digest);
    expect(answer.header("accept-ranges")).toBeUndefined();
  });

  it("is BLOB_UNKNOWN when missing, or in another repository (5.5 to 5.7)", async () => {
    for (const method of ["GET", "HEAD", "DELETE"]) {
      for (const [repository, blob] of [
        ["app", NONE],
        ["other", digest],
      ] as const) {
        const answer = await registry.send(method, `/v2/${repository}/blobs/${blob}`, {
          scope: `repository:${repository}:pull,delete`,
        });
        expect([method, answer.status, answer.json.errors]).toEqual([
          method,
          404,
          [{ code: "BLOB_UNKNOWN", message: "blob unknown to registry" }],
        ]);
      }
    }
  });

  it("is deleted from one repository and stays in another (5.7)", async () => {
    const shared = await registry.pushBlob("one", "shared");
    await registry.pushBlob("two", "shared");
    const remove = (repository: string) =>
      registry.send("DELETE", `/v2/${repository}/blobs/${shared}`, { scope: `repository:${repository}:delete` });
    const head = async (repository: string) =>
      (await registry.send("HEAD", `/v2/${repository}/blobs/${shared}`, { scope: `repository:${repository}:pull` }))
        .status;
    const answer = await remove("one");
    expect([answer.status, answer.text, answer.header("docker-content-digest")]).toEqual([202, "", undefined]);
    expect([await head("one"), await head("two")]).toEqual([404, 200]);
    expect((await remove("one")).status).toBe(404);
    const url =
      (await registry.send("GET", `/v2/two/blobs/${shared}`, { scope: "repository:two:pull" })).header("location") ??
      "";
    expect((await registry.download(url)).text).toBe("shared");
    await remove("two");
    expect((await registry.download(url)).status).toBe(404);
  });

  describe("at the storage origin (5.5)", () => {
    it("is downloaded without a token, with storage's own headers", async () => {
      const answer = await registry.download(await location());
      expect([answer.status, answer.text]).toEqual([200, CONTENT]);
      expect(answer.header("accept-ranges")).toBe("bytes");
      expect(answer.header("x-ms-blob-type")).toBe("AppendBlob");
      expect(answer.header("docker-content-digest")).toBeUndefined();
    });

    it.for([
      ["bytes=2-4", 206, "234", "bytes 2-4/10"],
      ["bytes=7-", 206, "789", "bytes 7-9/10"],
      ["bytes=8-99", 206, "89", "bytes 8-9/10"],
      ["bytes=10-", 416, undefined, "bytes */10"],
      // Forms that Azure's storage ignores (chapter 9, 22).
      ["2-", 200, CONTENT, undefined],
      ["bytes=-3", 200, CONTENT, undefined],
      ["bytes=0-1,3-4", 200, CONTENT, undefined],
      ["bytes=4-2", 200, CONTENT, undefined],
    ] as const)("heeds Range: %s with %s", async ([range, status, text, contentRange]) => {
      const answer = await registry.download(await location(), { headers: { range } });
      expect([answer.status, answer.header("content-range")]).toEqual([status, contentRange]);
      if (text !== undefined) {
        expect(answer.text).toBe(text);
        expect(answer.header("content-length")).toBe(String(text.length));
      }
    });

    it("refuses any Authorization header (acr#217)", async () => {
      const answer = await registry.download(await location(), { headers: { authorization: "Bearer x" } });
      expect(answer.status).toBe(400);
      expect(answer.text).toContain("<Code>InvalidAuthenticationInfo</Code>");
    });

    it("is good for 20 minutes", async () => {
      await using own = await testRegistry();
      const blob = await own.pushBlob("app", "x");
      const url = (await own.send("GET", `/v2/app/blobs/${blob}`, { scope })).header("location") ?? "";
      own.registry.context.clock.advance(19 * 60 * 1000 + 58_000);
      expect((await own.download(url)).status).toBe(200);
      own.registry.context.clock.advance(3_000);
      expect((await own.download(url)).status).toBe(403);
    });

    it("cannot be reached by a link of one's own making", async () => {
      const url = new URL(await location());
      url.searchParams.set("se", "2999-01-01T00:00:00Z");
      expect((await registry.download(url.href)).status).toBe(403);
      const other = await registry.pushBlob("app", "other");
      const moved = (await location())
        .replaceAll(hex, other.slice(7))
        .replace(`/${hex.slice(0, 2)}/`, `/${other.slice(7, 9)}/`);
      expect((await registry.download(moved)).status).toBe(403);
      expect((await registry.download("/")).status).toBe(403);
    });

    it("takes GET and HEAD only", async () => {
      const head = await registry.download(await location(), { method: "HEAD" });
      expect([head.status, head.header("content-length"), head.text]).toEqual([200, "10", ""]);
      expect((await registry.download(await location(), { method: "DELETE" })).status).toBe(405);
    });

    it("heeds If-Match, so that a resumed download notices another blob", async () => {
      const etag = (await registry.download(await location())).header("etag") ?? "";
      const get = async (match: string) =>
        (await registry.download(await location(), { headers: { "if-match": match } })).status;
      expect([await get(etag), await get('"0x0"')]).toEqual([200, 412]);
    });

    it("gives an empty blob", async () => {
      const empty = await registry.pushBlob("app", "");
      const url = (await registry.send("GET", `/v2/app/blobs/${empty}`, { scope })).header("location") ?? "";
      const answer = await registry.download(url);
      expect([answer.status, answer.header("content-length"), answer.text]).toEqual([200, "0", ""]);
    });
  });
});
