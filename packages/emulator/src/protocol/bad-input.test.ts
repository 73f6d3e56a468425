import { createHash } from "node:crypto";
import { MediaType } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ReceivedAnswer, type TestRegistry, testRegistry } from "../testing/in-process.ts";

/*
 * Input that no client of good will sends. Each is answered in the service's shape, and the registry holds afterwards
 * exactly what it held before. Tokens that are forged or out of place have a file of their own beside the authentication.
 */

const scope = "repository:app:pull,push,delete,metadata_read,metadata_write registry:catalog:*";
const ZEROS = "0".repeat(64);
const UPLOADS = "/v2/app/blobs/uploads/";

describe("bad input", () => {
  let registry: TestRegistry;
  let digest = "";
  let before = "";
  beforeAll(async () => {
    registry = await testRegistry();
    digest = await registry.pushImage("app", "v1");
    before = snapshot();
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  /** Everything that can be seen of the registry. */
  const snapshot = () => {
    const { store } = registry.registry.context;
    return JSON.stringify([
      store.repositories.list({ limit: -1 }).map((name) => store.repositories.get(name)),
      store.tags.list("app", { limit: -1 }),
      store.manifests.list("app", { limit: -1 }),
    ]);
  };
  const send = (method: string, path: string, body = "", headers: Record<string, string> = {}) =>
    registry.send(method, path, { scope, body, headers });
  const start = async () => (await send("POST", UPLOADS)).header("location") ?? "";

  /** The answer is one of the service's, and nothing has changed. */
  const expectRefused = (answer: ReceivedAnswer, status: number, code?: string) => {
    expect(answer.failure).toBeUndefined();
    expect(answer.status).toBe(status);
    if (code === undefined) expect(answer.text).toBe("404 page not found\n");
    else expect(answer.json.errors[0]).toMatchObject({ code, message: expect.stringMatching(/./) });
    expect(snapshot()).toBe(before);
  };

  describe("in names and paths matches no route", () => {
    it.for([
      ["upper case", "/v2/App/manifests/v1"],
      ["a name that starts with a dot", "/v2/.app/manifests/v1"],
      ["a name of 300 letters", `/v2/${"a".repeat(300)}/manifests/v1`],
      ["an empty component", "/v2/a//b/manifests/v1"],
      ["traversal", "/v2/../../etc/passwd"],
      ["traversal in the name", "/v2/app/../other/manifests/v1"],
      ["traversal, escaped", "/v2/app%2f..%2fother/manifests/v1"],
      ["traversal, dots escaped", "/v2/app/%2e%2e/other/manifests/v1"],
      ["traversal, escaped twice", "/v2/app%252f..%252fother/manifests/v1"],
      ["traversal, overlong UTF-8", "/v2/app/%c0%ae%c0%ae/other/manifests/v1"],
      ["traversal by backslash", "/v2/app%5c..%5cother/manifests/v1"],
      ["a NUL", "/v2/app%00/manifests/v1"],
      ["a line break", "/v2/app%0d%0a/manifests/v1"],
      ["broken escapes", "/v2/app%zz/manifests/v1"],
      ["a tag that is none", "/v2/app/manifests/-v1"],
      ["a tag of 129 letters", `/v2/app/manifests/${"a".repeat(129)}`],
      ["a digest too short", `/v2/app/blobs/sha256:${"0".repeat(63)}`],
      ["a digest too long", `/v2/app/blobs/sha256:${ZEROS}0`],
      ["a digest in upper case", `/v2/app/blobs/sha256:${"A".repeat(64)}`],
      ["a digest that is a path", "/v2/app/blobs/sha256:..%2f..%2fmetadata.sqlite"],
      ["an upload that is a path", `${UPLOADS}..%2f..%2fmetadata.sqlite`],
      ["an upload that is a path, escaped", `${UPLOADS}%2e%2e`],
      ["a tag of the metadata that is a path", "/acr/v1/app/_tags/..%2fv1"],
      ["a digest of the metadata that is a tag", "/acr/v1/app/_manifests/v1"],
    ] as const)("%s", async ([, path]) => {
      for (const method of ["GET", "PUT", "PATCH", "DELETE", "POST"]) {
        expectRefused(await send(method, path, "{}"), 404);
      }
    });

    it("a push by what only looks like a digest is DIGEST_INVALID", async () => {
      for (const reference of ["sha256:baddigeststring", "sha256%3Aabc", `sha256:${ZEROS}0`, ":"]) {
        expectRefused(await send("PUT", `/v2/app/manifests/${reference}`, "{}"), 400, "DIGEST_INVALID");
        expectRefused(await send("GET", `/v2/app/manifests/${reference}`), 404);
      }
      // It is no way around the token.
      const answer = await registry.send("PUT", "/v2/app/manifests/sha256:abc", {
        scope: "repository:other:pull,push",
      });
      expectRefused(answer, 401, "UNAUTHORIZED");
      expectRefused(await send("PUT", "/v2/App/manifests/sha256:abc", "{}"), 404);
    });
  });

  describe("in uploads", () => {
    it.for([
      ["an id that nobody was given", "11111111-2222-4333-8444-555555555555"],
      ["an id that is no uuid", "abc"],
      ["the name of a file", "metadata.sqlite"],
    ] as const)("%s is unknown", async ([, id]) => {
      for (const method of ["GET", "PATCH", "PUT", "DELETE"]) {
        const answer = await send(method, `${UPLOADS}${id}?digest=sha256:${ZEROS}`, "x");
        expectRefused(answer, 404, "BLOB_UPLOAD_INVALID");
      }
    });

    it("a state signed for another upload, disguised, is refused", async () => {
      const [mine, other] = [await start(), await start()];
      const [path] = mine.split("?");
      const [, query] = other.split("?");
      expectRefused(await send("PATCH", `${path}?${query}`, "x"), 404, "BLOB_UPLOAD_INVALID");
      expect((await send("PATCH", mine, "x")).status).toBe(202);
    });

    it("a wrong digest at the commit discards the upload, and no blob appears", async () => {
      const patched = await send("PATCH", await start(), "content");
      const wrong = `sha256:${ZEROS}`;
      const location = patched.header("location") ?? "";
      expectRefused(await send("PUT", `${location}&digest=${wrong}`), 400, "DIGEST_INVALID");
      expect((await send("HEAD", `/v2/app/blobs/${wrong}`)).status).toBe(404);
      const right = `sha256:${createHash("sha256").update("content").digest("hex")}`;
      expect((await send("HEAD", `/v2/app/blobs/${right}`)).status).toBe(404);
      expectRefused(await send("PUT", `${location}&digest=${right}`), 404, "BLOB_UPLOAD_UNKNOWN");
    });

    it.for([
      "",
      "sha256:",
      "sha256:zz",
      "md5:d41d8cd98f00b204e9800998ecf8427e",
      "%00",
      `sha256:${ZEROS}%0d%0a`,
      "..%2f..",
    ])("the digest %j cannot be read, and the upload stays", async (text) => {
      const location = await start();
      expectRefused(await send("PUT", `${location}&digest=${text}`, "x"), 400, "DIGEST_INVALID");
      expect((await send("PATCH", location, "x")).status).toBe(202);
    });

    it.for([
      ["-5", 416],
      ["5-", 416],
      ["0-99999999999999999999", 416],
      ["bytes=0-0", 416],
      ["NaN-1", 416],
      ["1-1", 416],
      ["0-1", 400],
    ] as const)("Content-Range %s is refused, and the upload goes on", async ([range, status]) => {
      const location = await start();
      const answer = await send("PATCH", location, "x", { "content-range": range, "content-length": "1" });
      expectRefused(answer, status, status === 416 ? "RANGE_INVALID" : "SIZE_INVALID");
      expect((await send("PATCH", location, "x")).status).toBe(202);
    });
  });

  describe("in manifests", () => {
    const put = (body: string, type: string = MediaType.ociManifest, reference = "bad") =>
      send("PUT", `/v2/app/manifests/${reference}`, body, { "content-type": type });

    it.for([
      ["nothing", ""],
      ["no JSON", "{"],
      ["another value", '"text"'],
      ["an array", "[]"],
      ["null", "null"],
      ["no schema version", "{}"],
      ["a schema of another age", '{"schemaVersion":1}'],
      ["nesting of 100,000", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
      ["layers that are none", '{"schemaVersion":2,"config":1,"layers":"x"}'],
      [
        "a negative size",
        `{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:${ZEROS}","size":-1},"layers":[]}`,
      ],
      [
        "a digest that is a path",
        '{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:../../x","size":1},"layers":[]}',
      ],
      ["bytes that are no UTF-8", "\u0000\u0001"],
    ] as const)("%s is MANIFEST_INVALID", async ([, body]) => {
      expectRefused(await put(body), 400, "MANIFEST_INVALID");
    });

    it.for(["", "text/plain", "application/json", "a".repeat(10_000), MediaType.ociIndex])(
      "an image sent as %.40s is MANIFEST_INVALID",
      async (type) => {
        const image = registry.registry.context.store.manifests.content("app", digest as never) ?? new Uint8Array();
        const named = JSON.stringify({
          ...JSON.parse(Buffer.from(image).toString()),
          mediaType: MediaType.ociManifest,
        });
        expectRefused(await put(named, type), 400, "MANIFEST_INVALID");
      },
    );

    it("blobs that are missing are named, each", async () => {
      const descriptor = (hex: string) => ({ mediaType: "a/b", digest: `sha256:${hex.repeat(64)}`, size: 1 });
      const body = JSON.stringify({
        schemaVersion: 2,
        config: descriptor("1"),
        layers: [descriptor("2"), descriptor("3")],
      });
      const answer = await put(body);
      expectRefused(answer, 400, "MANIFEST_BLOB_UNKNOWN");
      expect(answer.json.errors.map(({ detail }: { detail: string }) => detail[7])).toEqual(["1", "2", "3"]);
    });

    it("more than 4 MiB is refused", async () => {
      expectRefused(await put(" ".repeat(4 * 1024 * 1024 + 1)), 413, "MANIFEST_INVALID");
    });

    it("a body with another digest than the reference is DIGEST_INVALID", async () => {
      const image = registry.registry.context.store.manifests.content("app", digest as never) ?? new Uint8Array();
      const text = `${Buffer.from(image).toString()} `;
      expectRefused(await put(text, MediaType.ociManifest, digest), 400, "DIGEST_INVALID");
    });
  });

  describe("in the metadata", () => {
    const targets = () => ["/acr/v1/app", "/acr/v1/app/_tags/v1", `/acr/v1/app/_manifests/${digest}`];

    it.for([
      ["no JSON", "{"],
      ["nothing", ""],
      ["an array", "[]"],
      ["null", "null"],
      ["a number", '{"writeEnabled":1}'],
      ["a text that is no boolean", '{"writeEnabled":"maybe"}'],
      ["an object", '{"deleteEnabled":{}}'],
      ["100 KB", `{"writeEnabled":false,"x":"${"x".repeat(100_000)}"}`],
    ] as const)("%s is refused, and no attribute changes", async ([, body]) => {
      for (const path of targets()) expectRefused(await send("PATCH", path, body), 400, "UNSUPPORTED");
    });

    it("members of every object, and unknown ones, change nothing", async () => {
      const body = '{"__proto__":{"writeEnabled":false},"constructor":1,"toString":false,"unknown":false}';
      for (const path of targets()) expect((await send("PATCH", path, body)).status).toBe(200);
      expect(snapshot()).toBe(before);
    });

    it.for(["0", "-1", "1.5", "x", "1e3", "99999999999999999999", "%00"])("n=%s is refused", async (n) => {
      for (const path of [
        "/acr/v1/_catalog",
        "/v2/_catalog",
        "/acr/v1/app/_tags",
        "/acr/v1/app/_manifests",
        "/v2/app/tags/list",
      ]) {
        expectRefused(await send("GET", `${path}?n=${n}`), 400, "PAGINATION_NUMBER_INVALID");
      }
    });

    it.for(["%00", "' OR 1=1 --", "../..", "a".repeat(10_000), "%ff%fe", "\u2028"])(
      "last=%.20j is only a place",
      async (last) => {
        for (const path of ["/acr/v1/_catalog", "/acr/v1/app/_tags", "/acr/v1/app/_manifests", "/v2/app/tags/list"]) {
          for (const order of ["", "timeasc", "timedesc", "nonsense"]) {
            const answer = await send("GET", `${path}?last=${encodeURIComponent(last)}&orderby=${order}`);
            expect([answer.status, answer.failure]).toEqual([200, undefined]);
          }
        }
        expect(snapshot()).toBe(before);
      },
    );
  });

  it.for([
    "bytes=5-1",
    "bytes=a-b",
    "bytes=-",
    "bytes=0-0,2-3",
    "bytes=99999-",
    `bytes=${"9".repeat(400)}-`,
    "items=0-1",
  ])("a download with Range %.30s gets everything, or 416", async (range) => {
    const content = registry.registry.context.store.manifests.content("app", digest as never) ?? new Uint8Array();
    const layer = JSON.parse(Buffer.from(content).toString()).layers[0].digest;
    const link = (await send("GET", `/v2/app/blobs/${layer}`)).header("location") ?? "";
    const answer = await registry.download(link, { headers: { range } });
    expect(answer.failure).toBeUndefined();
    if (answer.status === 416) expect(answer.header("content-range")).toBe("bytes */5");
    else expect([answer.status, answer.text]).toEqual([200, "layer"]);
  });

  it.for([
    ["another signature", (link: string) => link.replace(/sig=[^&]+/, "sig=AAAA"), 403],
    ["no signature", (link: string) => link.replace(/sig=[^&]+&/, ""), 403],
    ["a later expiry", (link: string) => link.replace(/se=\d+/, "se=2999"), 403],
    ["another blob", (link: string) => link.replace(/[0-9a-f]{64}/, ZEROS), 403],
    [
      "a path out of the store",
      (link: string) => link.replace(/blobs\/sha256.*data/, "..%2f..%2fmetadata.sqlite"),
      403,
    ],
    ["another registry's container", (link: string) => link.replace(/\/[0-9a-f]{32}-/, `/${"0".repeat(32)}-`), 403],
  ] as const)("a download link with %s is refused", async ([, change, status]) => {
    const content = registry.registry.context.store.manifests.content("app", digest as never) ?? new Uint8Array();
    const layer = JSON.parse(Buffer.from(content).toString()).layers[0].digest;
    const link = (await send("GET", `/v2/app/blobs/${layer}`)).header("location") ?? "";
    const answer = await registry.download(change(link));
    expect([answer.status, answer.header("content-type"), answer.failure]).toEqual([
      status,
      "application/xml",
      undefined,
    ]);
    expect(answer.text).toContain("<Code>AuthenticationFailed</Code>");
  });
});
