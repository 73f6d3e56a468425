import { digestOf } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ReceivedAnswer, type TestRegistry, testRegistry } from "../testing/in-process.ts";
import { unpackUploadState } from "./upload-state.ts";

const scope = "repository:team/app:pull,push";
const PATH = "/v2/team/app/blobs/uploads/";
const NONE = `sha256:${"0".repeat(64)}`;

describe("an upload", () => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await testRegistry();
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const start = async () => (await registry.send("POST", PATH, { scope })).header("location") ?? "";
  const next = (answer: ReceivedAnswer) => answer.header("location") ?? "";
  const patch = (target: string, body: string | AsyncIterable<Uint8Array>, headers: Record<string, string> = {}) =>
    registry.send("PATCH", target, { scope, body, headers });
  const finish = (target: string, digest: string, body = "", headers: Record<string, string> = {}) =>
    registry.send("PUT", `${target}&digest=${digest}`, { scope, body, headers });
  const error = ({ status, json }: ReceivedAnswer) => [status, json.errors[0]];
  const invalid = [404, { code: "BLOB_UPLOAD_INVALID", message: "blob upload invalid" }];
  const of = (text: string) => digestOf(Buffer.from(text));
  const pull = async (digest: string) => {
    const redirect = await registry.send("GET", `/v2/team/app/blobs/${digest}`, { scope });
    return redirect.status === 307
      ? (await registry.download(redirect.header("location") ?? "")).text
      : redirect.status;
  };

  it("starts with a relative Location, a state and Range 0-0 (5.1)", async () => {
    const answer = await registry.send("POST", PATH, { scope });
    expect([answer.status, answer.header("content-length"), answer.header("range")]).toEqual([202, "0", "0-0"]);
    const uuid = answer.header("docker-upload-uuid") ?? "";
    const [, state = ""] =
      new RegExp(`^${PATH}${uuid}\\?_nouploadcache=false&_state=([^&]+)$`).exec(next(answer)) ?? [];
    const token = decodeURIComponent(state);
    expect(token.length % 4).toBe(0);
    expect(token).not.toContain("+");
    const json = Buffer.from(token, "base64url").subarray(32).toString();
    expect(json).toMatch(
      new RegExp(`^{"Name":"team/app","UUID":"${uuid}","Offset":0,"StartedAt":"[-0-9]+T[:0-9]+\\.[0-9]+Z"}$`),
    );
    expect(unpackUploadState(token, "another secret")).toBeUndefined();
  });

  it("takes chunks, with a new state after each (5.2)", async () => {
    const first = await patch(await start(), "hello ", { "content-type": "application/octet-stream" });
    expect([first.status, first.header("range"), first.header("content-length")]).toEqual([202, "0-5", "0"]);
    const second = await patch(next(first), "world");
    expect(second.header("range")).toBe("0-10");
    expect(next(second)).not.toBe(next(first));
    const state = new URLSearchParams(next(second).split("?")[1]).get("_state") ?? "";
    const { Offset, StartedAt } = JSON.parse(Buffer.from(state, "base64url").subarray(32).toString());
    expect([Offset, StartedAt]).toEqual([11, expect.stringMatching(/T\d\d:\d\d:\d\dZ$/)]);
    const done = await finish(next(second), of("hello world"));
    expect([done.status, done.header("location"), done.header("docker-content-digest"), done.header("range")]).toEqual([
      201,
      `/v2/team/app/blobs/${of("hello world")}`,
      of("hello world"),
      undefined,
    ]);
    expect(await pull(of("hello world"))).toBe("hello world");
  });

  it("takes the whole blob, or the last chunk, with the PUT (5.3)", async () => {
    expect((await finish(await start(), of("whole"), "whole")).status).toBe(201);
    expect(await pull(of("whole"))).toBe("whole");
    const first = await patch(await start(), "last ");
    expect(
      (await finish(next(first), of("last chunk"), "chunk", { "content-range": "5-9", "content-length": "5" })).status,
    ).toBe(201);
  });

  it("refuses a chunk with Content-Range but no Content-Length, and goes on (harbor#23016)", async () => {
    const location = await start();
    const answer = await patch(location, "x", { "content-range": "0-0" });
    expect([answer.status, answer.json.errors[0].code]).toEqual([400, "CONTENT_LENGTH_INVALID"]);
    expect((await patch(location, "x")).status).toBe(202);
  });

  describe("with a PUT of more than the service takes (harbor#23015)", () => {
    let small: TestRegistry;
    beforeAll(async () => {
      small = await testRegistry({ maxPutBytes: 1000 });
    });
    afterAll(() => small[Symbol.asyncDispose]());

    const put = async (length: number, announced: boolean) => {
      const location = (await small.send("POST", PATH, { scope })).header("location") ?? "";
      const body = "x".repeat(length);
      const headers: Record<string, string> = announced ? { "content-length": String(length) } : {};
      return small.send("PUT", `${location}&digest=${of(body)}`, { scope, body, headers });
    };

    it.for([true, false])(
      "is refused by the proxy's page, and nothing is kept (length announced: %s)",
      async (announced) => {
        expect((await put(1000, announced)).status).toBe(201);
        const answer = await put(1001, announced);
        expect([answer.status, answer.header("content-type")]).toEqual([413, "text/html"]);
        expect(answer.text).toContain("413 Request Entity Too Large");
        expect(answer.failure).toBeUndefined();
        const head = await small.send("HEAD", `/v2/team/app/blobs/${of("x".repeat(1001))}`, { scope });
        expect(head.status).toBe(404);
      },
    );

    it("takes a PATCH of any length", async () => {
      const location = (await small.send("POST", PATH, { scope })).header("location") ?? "";
      const body = "y".repeat(5000);
      const patched = await small.send("PATCH", location, { scope, body, headers: { "content-length": "5000" } });
      expect((await small.send("PUT", `${next(patched)}&digest=${of(body)}`, { scope })).status).toBe(201);
    });
  });

  it("takes a digest of sha512, and an escaped one", async () => {
    const long = digestOf(Buffer.from("long"), "sha512");
    expect((await finish(await start(), long, "long")).status).toBe(201);
    expect(await pull(long)).toBe("long");
    expect((await finish(await start(), encodeURIComponent(of("escaped")), "escaped")).status).toBe(201);
  });

  it("of what is there already succeeds alike (5.3)", async () => {
    for (let time = 0; time < 2; time++) expect((await finish(await start(), of("twice"), "twice")).status).toBe(201);
    expect(await pull(of("twice"))).toBe("twice");
  });

  it("refuses a state that has been used (5.2)", async () => {
    const location = await start();
    const first = await patch(location, "chunk");
    expect(error(await patch(location, "chunk"))).toEqual(invalid);
    expect(error(await finish(location, of("chunk")))).toEqual(invalid);
    expect((await finish(next(first), of("chunk"))).status).toBe(201);
  });

  it("cannot be resumed once a PATCH broke off (5.2)", async () => {
    async function* broken() {
      yield Buffer.from("some bytes");
      throw new Error("the connection is gone");
    }
    const location = await start();
    await patch(location, broken());
    const answer = await patch(location, "some bytes and more");
    expect(error(answer)).toEqual(invalid);
    expect(answer.header("content-length")).toBe("76");
    // Asking does not help: the state is out of date for every call.
    expect(error(await registry.send("GET", location, { scope }))).toEqual(invalid);
  });

  it("refuses a second writer while one is at it", async () => {
    const location = await start();
    let writing: Promise<ReceivedAnswer> | undefined;
    const during = await new Promise<ReceivedAnswer>((resolve, reject) => {
      async function* slow() {
        yield Buffer.from("slow");
        resolve(await patch(location, "fast"));
      }
      writing = patch(location, slow());
      writing.catch(reject);
    });
    expect(error(during)).toEqual(invalid);
    expect((await writing)?.status).toBe(202);
  });

  it.for([
    ["1-3", 416, "RANGE_INVALID"],
    ["7-9", 416, "RANGE_INVALID"],
    ["bytes 5-7/*", 416, "RANGE_INVALID"],
    ["bytes=5-7", 416, "RANGE_INVALID"],
    ["5-9", 400, "SIZE_INVALID"],
  ] as const)("refuses a chunk with Content-Range %s, and goes on (5.2, unseen)", async ([range, status, code]) => {
    const first = await patch(await start(), "12345");
    const headers = { "content-range": range, "content-length": "3" };
    const refused = await patch(next(first), "678", headers);
    expect([refused.status, refused.json.errors[0].code]).toEqual([status, code]);
    const second = await patch(next(first), "678", { ...headers, "content-range": "5-7" });
    expect((await finish(next(second), of("12345678"))).status).toBe(201);
  });

  it("tells what is wrong with a Content-Range of the HTTP form (5.2)", async () => {
    const answer = await patch(await start(), "x", { "content-range": "bytes 0-84521/*" });
    expect(answer.json.errors[0].detail).toEqual({
      Range: "bytes 0-84521/*",
      Reason: "the Content-Range header format is invalid",
    });
  });

  it("keeps the upload when the digest cannot be read (5.3)", async () => {
    const first = await patch(await start(), "kept");
    for (const digest of ["sha256:00000000", "nonsense", "md5:00000000000000000000000000000000"]) {
      expect(error(await finish(next(first), digest))).toEqual([
        400,
        {
          code: "DIGEST_INVALID",
          message: "provided digest did not match uploaded content",
          detail: "digest parsing failed",
        },
      ]);
    }
    expect((await registry.send("PUT", next(first), { scope })).json.errors[0].detail).toBe("digest missing");
    expect((await finish(next(first), of("kept"))).status).toBe(201);
  });

  it("throws the upload away when the digest does not fit (5.3, unseen)", async () => {
    const first = await patch(await start(), "other");
    const refused = await finish(next(first), of("expected"));
    expect([refused.status, refused.json.errors[0].code]).toEqual([400, "DIGEST_INVALID"]);
    const again = await finish(next(first), of("other"));
    expect([again.status, again.json.errors[0].code]).toEqual([404, "BLOB_UPLOAD_UNKNOWN"]);
    expect(await pull(of("expected"))).toBe(404);
  });

  it("tells how far it is, and is cancelled (5.4, unseen)", async () => {
    const first = await patch(await start(), "12345");
    const status = await registry.send("GET", next(first), { scope });
    expect([status.status, status.header("range"), status.text]).toEqual([204, "0-4", ""]);
    expect(status.header("docker-upload-uuid")).toBe(first.header("docker-upload-uuid"));
    expect((await patch(next(status), "6")).status).toBe(202);
    const location = await start();
    expect((await registry.send("DELETE", location, { scope })).status).toBe(204);
    expect((await patch(location, "x")).json.errors[0]).toMatchObject({
      code: "BLOB_UPLOAD_UNKNOWN",
      message: "blob upload unknown to registry",
      detail: {},
    });
  });

  it.for([
    ["no state", (location: string) => location.split("?")[0] ?? ""],
    ["a state of nobody", (location: string) => location.replace(/_state=.*/, "_state=AAAA")],
    [
      "a state that was tampered with",
      (location: string) => location.replace(/_state=(.)/, (_, first) => `_state=${first === "A" ? "B" : "A"}`),
    ],
    [
      "the state of another upload",
      (location: string) => location.replace(/uploads\/./, (text) => (text.endsWith("0") ? "uploads/1" : "uploads/0")),
    ],
    ["the state of another repository", (location: string) => location.replace("team/app", "team/other")],
  ] as const)("refuses %s", async ([, change]) => {
    const answer = await registry.send("PATCH", change(await start()), {
      scope: "repository:team/app:pull,push repository:team/other:pull,push",
    });
    expect(error(answer)).toEqual(invalid);
  });

  it("is mounted from another repository without sending anything (5.1, unseen)", async () => {
    const digest = await registry.pushBlob("source", "mounted");
    const mount = (query: string) =>
      registry.send("POST", `${PATH}?${query}`, { scope: `${scope} repository:source:pull` });
    const answer = await mount(`mount=${digest}&from=source`);
    expect([answer.status, answer.header("location"), answer.header("docker-content-digest")]).toEqual([
      201,
      `/v2/team/app/blobs/${digest}`,
      digest,
    ]);
    expect(await pull(digest)).toBe("mounted");
    // What cannot be mounted starts an upload instead.
    for (const query of [
      `mount=${NONE}&from=source`,
      `mount=${digest}`,
      "mount=nonsense&from=source",
      `mount=${digest}&from=%0d%0a`,
    ]) {
      expect((await mount(query)).status).toBe(202);
    }
  });

  it("is only started by a POST with a digest (5.1, unseen)", async () => {
    const answer = await registry.send("POST", `${PATH}?digest=${of("posted")}`, { scope, body: "posted" });
    expect([answer.status, answer.header("range")]).toEqual([202, "0-0"]);
    expect(await pull(of("posted"))).toBe(404);
  });

  it("makes no repository: that begins with a manifest (4.4)", async () => {
    await registry.pushBlob("blobs/only", "content");
    const answer = await registry.send("GET", "/acr/v1/blobs/only", { scope: "repository:blobs/only:metadata_read" });
    expect(answer.status).toBe(404);
  });
});
