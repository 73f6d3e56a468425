import { createReadStream } from "node:fs";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { concatBytes, DigestMismatchError, digestOf, InvalidInputError } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ClientAuthenticationError,
  ContentReadError,
  RegistryError,
  ResourceNotFoundError,
  TransportError,
  UnexpectedResponseError,
} from "../../errors/registry-error.ts";
import { HOST, ORIGIN } from "../../testing/acr-registry.ts";
import { abortOf, clientOf, failureOf } from "../../testing/client.ts";
import { HELLO, HELLO_DIGEST, OTHER_DIGEST, patterned } from "../../testing/content.ts";
import {
  connectionError,
  never,
  openRegistry,
  refusal,
  type ScriptedAnswer,
  type SeenRequest,
} from "../../testing/scripted-registry.ts";
import { failOnUnhandled } from "../../testing/unhandled.ts";
import type { TransferProgress } from "../progress.ts";
import type { BlobContent } from "./content.ts";
import type { UploadBlobOptions } from "./upload.ts";

failOnUnhandled();

type Override = (request: SeenRequest, nth: number) => ScriptedAnswer | Promise<ScriptedAnswer> | undefined;

/**
 * A registry that takes uploads as ACR does (protocol, chapter 5): every answer moves on to another state, and a request
 * with any other than the latest is refused. `override` answers first; `nth` counts the requests of that method.
 */
function uploadRegistry(override: Override = () => undefined) {
  const sessions = new Map<string, { state: string; parts: Uint8Array[] }>();
  const committed: Uint8Array[] = [];
  const seen = new Map<string, number>();
  let started = 0;
  const registry = openRegistry((request) => {
    const nth = seen.get(request.method) ?? 0;
    seen.set(request.method, nth + 1);
    return override(request, nth) ?? answer(request);
  });
  return { registry, sessions, committed };

  function answer({ method, url, body }: SeenRequest): ScriptedAnswer {
    if (method === "HEAD") return { status: 404 };
    if (method === "POST") {
      const uuid = `uuid-${++started}`;
      sessions.set(uuid, { state: "", parts: [] });
      return accepted(uuid);
    }
    const uuid = url.pathname.split("/").at(-1) ?? "";
    const session = sessions.get(uuid);
    if (session === undefined) return refusal(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    // Compared as it came over the wire: nothing may be decoded and encoded anew.
    if (!url.search.startsWith(`?_nouploadcache=false&_state=${session.state}`)) {
      return refusal(404, "BLOB_UPLOAD_INVALID", "blob upload invalid");
    }
    if (method === "DELETE") {
      sessions.delete(uuid);
      return { status: 204 };
    }
    session.parts.push(body);
    if (method === "PATCH") return accepted(uuid);
    const digest = url.searchParams.get("digest") ?? "";
    const bytes = concatBytes(session.parts);
    sessions.delete(uuid);
    if (digestOf(bytes) !== digest)
      return refusal(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
    committed.push(bytes);
    return { status: 201, headers: { "docker-content-digest": digest, location: `/v2/app/blobs/${digest}` } };
  }

  function accepted(uuid: string): ScriptedAnswer {
    const session = sessions.get(uuid);
    if (session === undefined) throw new Error("no such session");
    // Characters that a URL parser might be tempted to change.
    session.state = `${uuid}-${session.parts.length}_~a%2Fb%2bc+d*e(f)%3D%3D`;
    const size = session.parts.reduce((sum, part) => sum + part.byteLength, 0);
    return {
      status: 202,
      headers: {
        location: `/v2/app/blobs/uploads/${uuid}?_nouploadcache=false&_state=${session.state}`,
        range: `0-${Math.max(0, size - 1)}`,
        "docker-upload-uuid": uuid,
      },
    };
  }
}

type Registry = ReturnType<typeof uploadRegistry>;
const upload = ({ registry }: Registry, content: BlobContent, options: UploadBlobOptions = {}) =>
  clientOf(registry).uploadBlob("app", content, options);
const methods = ({ registry }: Registry) => registry.calls.map(({ method }) => method);
const nothingIsLeft = ({ sessions, committed }: Registry) => {
  expect(sessions.size).toBe(0);
  expect(committed).toEqual([]);
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "acrkit-upload-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("what is sent", () => {
  test("content in memory goes into the committing request", async () => {
    const to = uploadRegistry();
    expect(await upload(to, HELLO)).toEqual({ digest: HELLO_DIGEST, sizeInBytes: 5 });
    expect(methods(to)).toEqual(["POST", "PUT"]);
    expect(to.registry.calls[0]?.url.pathname).toBe("/v2/app/blobs/uploads/");
    expect(to.registry.calls[1]?.headers).toMatchObject({
      "content-type": "application/octet-stream",
      "content-length": "5",
    });
    expect(to.registry.calls[1]?.headers).not.toHaveProperty("content-range");
  });

  const bytes = patterned(100);
  const KINDS: [string, () => BlobContent | Promise<BlobContent>][] = [
    ["bytes", () => bytes],
    ["an ArrayBuffer", () => bytes.buffer.slice(0) as ArrayBuffer],
    ["a Blob", () => new Blob([bytes.slice(0, 50), bytes.slice(50)])],
    ["a File", () => new File([bytes.slice()], "name")],
    ["a web stream", () => new Blob([bytes.slice()]).stream()],
    ["a Node stream", () => Readable.from([bytes.subarray(0, 1), bytes.subarray(1)])],
    [
      "a generator",
      () =>
        (async function* () {
          yield bytes.subarray(0, 99);
          yield bytes.subarray(99);
        })(),
    ],
    ["a function", () => () => new Blob([bytes.slice()]).stream()],
    [
      "a path",
      async () => {
        await writeFile(join(folder, "kind"), bytes);
        return { path: join(folder, "kind") };
      },
    ],
  ];

  test.each(KINDS)("%s arrives byte for byte", async (_, make) => {
    const to = uploadRegistry();
    const result = await upload(to, await make(), { chunkSizeInBytes: 30 });
    expect(result).toEqual({ digest: digestOf(bytes), sizeInBytes: 100 });
    expect(Buffer.from(to.committed[0] ?? []).equals(bytes)).toBe(true);
    expect(methods(to)).toEqual(["POST", "PATCH", "PATCH", "PATCH", "PATCH", "PUT"]);
  });

  test("text is sent as UTF-8", async () => {
    const to = uploadRegistry();
    await upload(to, "héllo");
    await upload(to, Readable.from(["hé", "llo"]));
    expect(to.committed.map((sent) => new TextDecoder().decode(sent))).toEqual(["héllo", "héllo"]);
  });

  test.each([
    ["bytes", () => new Uint8Array(), ["POST", "PUT"]],
    ["text", () => "", ["POST", "PUT"]],
    ["a Blob", () => new Blob([]), ["POST", "PUT"]],
    ["a stream", () => Readable.from([]), ["POST", "PUT"]],
    ["a stream of nothing", () => Readable.from([new Uint8Array()]), ["POST", "PUT"]],
  ] as [string, () => BlobContent, string[]][])("%s may be empty", async (_, make, expected) => {
    const to = uploadRegistry();
    expect(await upload(to, make())).toEqual({ digest: digestOf(new Uint8Array()), sizeInBytes: 0 });
    expect(methods(to)).toEqual(expected);
    expect(to.committed).toEqual([new Uint8Array()]);
  });

  test.each([
    [29, [29]],
    [30, [30]],
    [31, [30, 1]],
    [59, [30, 29]],
    [60, [30, 30]],
    [61, [30, 30, 1]],
  ])("%i bytes of a stream go in chunks of thirty", async (size, expected) => {
    const to = uploadRegistry();
    const content = patterned(size);
    await upload(to, Readable.from([content.subarray(0, 7), content.subarray(7)]), { chunkSizeInBytes: 30 });
    expect(to.registry.calls.filter(({ method }) => method === "PATCH").map(({ body }) => body.byteLength)).toEqual(
      expected,
    );
    expect(Buffer.from(to.committed[0] ?? []).equals(content)).toBe(true);
  });

  test("the length of a chunk is said where the content's is known", async () => {
    const to = uploadRegistry();
    await upload(to, new Blob([patterned(50).slice()]), { chunkSizeInBytes: 30 });
    await upload(to, Readable.from([patterned(50)]), { chunkSizeInBytes: 30 });
    const lengths = to.registry.calls
      .filter(({ method }) => method === "PATCH")
      .map(({ headers }) => headers["content-length"]);
    expect(lengths).toEqual(["30", "20", undefined, undefined]);
  });

  test("what is no body is refused before anything is sent", async () => {
    const to = uploadRegistry();
    await failureOf(upload(to, 5 as never), InvalidInputError);
    await failureOf(upload(to, { path: folder }), InvalidInputError);
    const missing = await failureOf(upload(to, { path: join(folder, "missing") }), ContentReadError);
    expect(missing.message).toMatch(/uploadBlob of app failed: .*ENOENT.*missing.*Nothing was committed/);
    expect(to.registry.seen).toEqual([]);
  });
});

describe("Location", () => {
  const withLocation = (location: string | undefined) => {
    const to = uploadRegistry(({ method }) =>
      method === "PUT"
        ? { status: 201 }
        : method === "DELETE"
          ? { status: 204 }
          : { status: 202, ...(location === undefined ? {} : { headers: { location } }) },
    );
    return to;
  };
  const commitUrl = ({ registry }: Registry) => registry.calls.find(({ method }) => method === "PUT")?.url.href;
  const digest = `digest=${encodeURIComponent(HELLO_DIGEST)}`;

  test.each([
    ["/v2/app/blobs/uploads/uuid", `${ORIGIN}/v2/app/blobs/uploads/uuid?${digest}`],
    [
      "/v2/app/blobs/uploads/uuid?_state=a%2Fb%3D%3D",
      `${ORIGIN}/v2/app/blobs/uploads/uuid?_state=a%2Fb%3D%3D&${digest}`,
    ],
    [`${ORIGIN}/elsewhere?x=1`, `${ORIGIN}/elsewhere?x=1&${digest}`],
    [`https://${HOST}:443/v2/u?x`, `${ORIGIN}/v2/u?x&${digest}`],
    ["?_state=x", `${ORIGIN}/?_state=x&${digest}`],
  ])("%s is used as it is", async (location, expected) => {
    const to = withLocation(location);
    await upload(to, HELLO);
    expect(commitUrl(to)).toBe(expected);
  });

  test.each([
    ["missing", undefined],
    ["another host", "https://evil.example/v2/app/blobs/uploads/uuid"],
    ["another host without a scheme", "//evil.example/uploads"],
    ["another scheme", `http://${HOST}/v2/app/blobs/uploads/uuid`],
    ["another port", `${ORIGIN}:8443/uploads`],
    ["garbage", "https://["],
  ])("that is %s ends the upload before content is sent", async (_, location) => {
    const to = withLocation(location);
    await failureOf(upload(to, HELLO), UnexpectedResponseError);
    expect(methods(to)).toEqual(["POST"]);
  });

  test("that turns to another host in the middle gets no more content, and the session is cancelled", async () => {
    const to = uploadRegistry(({ method }, nth) =>
      method === "PATCH" && nth === 1 ? { status: 202, headers: { location: "https://evil.example/" } } : undefined,
    );
    await failureOf(upload(to, HELLO, { chunkSizeInBytes: 2 }), UnexpectedResponseError);
    expect(methods(to)).toEqual(["POST", "PATCH", "PATCH", "DELETE"]);
    expect(to.registry.calls.every(({ url }) => url.host === HOST)).toBe(true);
  });

  test("that a chunk's answer lacks stays what it was", async () => {
    const to = withLocation("/v2/app/blobs/uploads/uuid?_state=x");
    const { registry } = uploadRegistry(({ method }) => {
      if (method === "POST") return { status: 202, headers: { location: "/v2/app/blobs/uploads/uuid?_state=x" } };
      return method === "PATCH" ? { status: 204 } : { status: 201 };
    });
    await upload({ ...to, registry }, HELLO, { chunkSizeInBytes: 3 });
    expect(registry.callLines.slice(1, 3)).toEqual(Array(2).fill("PATCH /v2/app/blobs/uploads/uuid?_state=x"));
  });
});

describe("content that fails", () => {
  const failing = async function* (...parts: readonly Uint8Array[]) {
    yield* parts;
    throw new Error("disk on fire");
  };

  test.each([
    ["at once", []],
    ["in the middle of a chunk", [patterned(7)]],
    ["between two chunks", [patterned(10)]],
    ["in a later chunk", [patterned(10), patterned(3)]],
  ])("%s: the error says so, the session is cancelled, nothing is committed", async (_, parts) => {
    for (const content of [() => failing(...parts), failing(...parts), Readable.from(failing(...parts))]) {
      const to = uploadRegistry();
      const error = await failureOf(upload(to, content, { chunkSizeInBytes: 10 }), ContentReadError);
      expect(error).toMatchObject({ operation: "uploadBlob", repository: "app", code: "CONTENT_READ_FAILED" });
      expect(error.message).toContain("disk on fire");
      expect((error.cause as Error).message).toBe("disk on fire");
      nothingIsLeft(to);
    }
  });

  test("a function that cannot open its stream", async () => {
    const to = uploadRegistry();
    const content = () => Promise.reject(new Error("no such layer"));
    await failureOf(upload(to, content), ContentReadError);
    nothingIsLeft(to);
  });

  test("a stream that yields something else than bytes or text", async () => {
    const to = uploadRegistry();
    await failureOf(upload(to, Readable.from([1, 2])), InvalidInputError);
    nothingIsLeft(to);
  });

  test.each([
    ["shrinks", 40],
    ["grows", 160],
  ])("a file that %s while it is read", async (_, size) => {
    const path = join(folder, "changing");
    await writeFile(path, patterned(100));
    const to = uploadRegistry();
    // The size is looked at before the upload starts, the bytes are read afterwards.
    const changing = uploadRegistry((request) => {
      if (request.method !== "POST") return undefined;
      return truncate(path, size)
        .then(() => to.registry.sendRequest(request.request))
        .then(({ status, headers }) => ({ status, headers: headers.toJSON() }));
    });
    const both = {
      ...to,
      registry: openRegistry((request) =>
        request.method === "POST" ? forward(changing, request) : forward(to, request),
      ),
    };
    await failureOf(upload(both, { path }, { chunkSizeInBytes: 30 }), ContentReadError);
    nothingIsLeft(to);
  });
});

const forward = async ({ registry }: Registry, { request }: SeenRequest): Promise<ScriptedAnswer> => {
  const { status, headers } = await registry.sendRequest(request);
  return { status, headers: headers.toJSON() };
};

describe("an abort", () => {
  /** Content that aborts the upload when the reader gets to it, and then goes on. */
  const aborting = (controller: AbortController, before: number) =>
    async function* () {
      yield patterned(before);
      controller.abort();
      yield patterned(10);
    };

  test.each([3, 10, 13])("after %i bytes ends in an AbortError, and the session is cancelled", async (before) => {
    const controller = new AbortController();
    const to = uploadRegistry();
    await abortOf(upload(to, aborting(controller, before), { chunkSizeInBytes: 10, abortSignal: controller.signal }));
    nothingIsLeft(to);
    expect(methods(to).at(-1)).toBe("DELETE");
  });

  test.each([
    ["before its first byte", []],
    ["in the middle of a chunk", [patterned(3)]],
    ["between two chunks", [patterned(10)]],
  ])(
    "does not wait for content that stands still %s",
    async (_, parts) => {
      const controller = new AbortController();
      const to = uploadRegistry();
      const stalled = async function* () {
        yield* parts;
        setTimeout(() => controller.abort(), 10);
        await new Promise(() => {});
      };
      for (const content of [stalled, stalled(), Readable.from(stalled())]) {
        await abortOf(upload(to, content, { chunkSizeInBytes: 10, abortSignal: controller.signal }));
      }
      nothingIsLeft(to);
    },
    5_000,
  );

  test("while the registry commits", async () => {
    const controller = new AbortController();
    const to = uploadRegistry(({ method }) => {
      if (method !== "PUT") return undefined;
      controller.abort();
      return new Promise(() => {});
    });
    await abortOf(upload(to, HELLO, { abortSignal: controller.signal }));
    nothingIsLeft(to);
  });
});

describe("a session that is lost", () => {
  const content = patterned(25);
  const reopenable: [string, () => BlobContent][] = [
    ["bytes", () => content],
    ["a Blob", () => new Blob([content.slice()])],
    ["a function", () => () => Readable.from([content])],
  ];
  const lost: [string, () => ScriptedAnswer][] = [
    ["by BLOB_UPLOAD_INVALID", () => refusal(404, "BLOB_UPLOAD_INVALID", "blob upload invalid")],
    ["by BLOB_UPLOAD_UNKNOWN", () => refusal(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")],
    ["by status 500", () => refusal(500, "UNKNOWN", "unknown error")],
    ["by a gateway", () => ({ status: 502, body: "<html>Bad Gateway</html>" })],
    [
      "with its connection",
      () => {
        throw connectionError();
      },
    ],
  ];

  for (const [how, fail] of lost) {
    test.each(reopenable)(`${how} is begun anew, once, with %s`, async (_, make) => {
      const to = uploadRegistry(({ method }, nth) => (method === "PATCH" && nth === 1 ? fail() : undefined));
      expect(await upload(to, make(), { chunkSizeInBytes: 10 })).toEqual({
        digest: digestOf(content),
        sizeInBytes: 25,
      });
      expect(methods(to)).toEqual(["POST", "PATCH", "PATCH", "DELETE", "POST", "PATCH", "PATCH", "PATCH", "PUT"]);
      expect(to.sessions.size).toBe(0);
    });
  }

  test("while it commits is begun anew", async () => {
    const to = uploadRegistry(({ method }, nth) => {
      if (method === "PUT" && nth === 0) throw connectionError();
      return undefined;
    });
    await upload(to, content);
    expect(methods(to)).toEqual(["POST", "PUT", "DELETE", "POST", "PUT"]);
  });

  test("twice is given up", async () => {
    const to = uploadRegistry(({ method }) =>
      method === "PATCH" ? refusal(404, "BLOB_UPLOAD_INVALID", "blob upload invalid") : undefined,
    );
    const error = await failureOf(upload(to, content, { chunkSizeInBytes: 10 }), RegistryError);
    expect(error).not.toBeInstanceOf(ResourceNotFoundError);
    expect(error.code).toBe("BLOB_UPLOAD_INVALID");
    expect(methods(to)).toEqual(["POST", "PATCH", "DELETE", "POST", "PATCH", "DELETE"]);
    nothingIsLeft(to);
  });

  test("with a stream, which cannot be read again, is an error", async () => {
    const to = uploadRegistry(({ method }) => {
      if (method === "PATCH") throw connectionError("ECONNRESET", "read ECONNRESET");
      return undefined;
    });
    const error = await failureOf(upload(to, Readable.from([content])), TransportError);
    expect(error).toMatchObject({ operation: "uploadBlob", code: "ECONNRESET" });
    expect(methods(to)).toEqual(["POST", "PATCH", "DELETE"]);
    nothingIsLeft(to);
  });

  test.each([
    [refusal(400, "DIGEST_INVALID", "provided digest did not match uploaded content"), RegistryError],
    [refusal(401, "UNAUTHORIZED", "authentication required"), ClientAuthenticationError],
    [refusal(404, "NAME_UNKNOWN", "repository name not known to registry"), ResourceNotFoundError],
    [{ status: 413, body: "too large" }, RegistryError],
  ])("is something else than %o, which would come again", async (answer, kind) => {
    const to = uploadRegistry(({ method }) => (method === "PUT" ? answer : undefined));
    await failureOf(upload(to, content), kind);
    expect(methods(to)).toEqual(["POST", "PUT", "DELETE"]);
    nothingIsLeft(to);
  });

  test("and cannot be cancelled either does not hide the failure", async () => {
    for (const atCancel of [() => refusal(500, "UNKNOWN", "x"), () => refusal(404, "BLOB_UPLOAD_UNKNOWN", "x")]) {
      const to = uploadRegistry(({ method }) => {
        if (method === "PUT") return refusal(400, "DIGEST_INVALID", "no");
        return method === "DELETE" ? atCancel() : undefined;
      });
      expect((await failureOf(upload(to, content), RegistryError)).code).toBe("DIGEST_INVALID");
      expect(methods(to)).toEqual(["POST", "PUT", "DELETE"]);
    }
  });
});

describe("the expected digest", () => {
  test("is there: nothing is sent", async () => {
    const to = uploadRegistry(({ method }) =>
      method === "HEAD" ? { status: 200, headers: { "content-length": "5" } } : undefined,
    );
    expect(await upload(to, HELLO, { digest: HELLO_DIGEST })).toEqual({ digest: HELLO_DIGEST, sizeInBytes: 5 });
    expect(to.registry.callLines).toEqual([`HEAD /v2/app/blobs/${HELLO_DIGEST}`]);
  });

  test.each([
    ["of content whose size is known", () => HELLO],
    ["of a stream", () => Readable.from([HELLO])],
  ] as [string, () => BlobContent][])(
    "is there %s, but the registry does not say how large: the size is right all the same",
    async (_, make) => {
      const to = uploadRegistry(({ method }) =>
        method === "HEAD" ? { status: 200, body: Readable.from([]) } : undefined,
      );
      expect(await upload(to, make(), { digest: HELLO_DIGEST })).toEqual({ digest: HELLO_DIGEST, sizeInBytes: 5 });
    },
  );

  test("is missing: the content is sent", async () => {
    const to = uploadRegistry();
    await upload(to, HELLO, { digest: HELLO_DIGEST });
    expect(methods(to)).toEqual(["HEAD", "POST", "PUT"]);
  });

  test.each([
    ["bytes", () => HELLO, ["HEAD", "POST", "DELETE"]],
    ["a stream", () => Readable.from([HELLO]), ["HEAD", "POST", "PATCH", "DELETE"]],
  ] as [string, () => BlobContent, string[]][])(
    "is another than that of %s: nothing is committed",
    async (_, make, expected) => {
      const to = uploadRegistry();
      const error = await failureOf(upload(to, make(), { digest: OTHER_DIGEST }), DigestMismatchError);
      expect(error).toMatchObject({ expected: OTHER_DIGEST, actual: HELLO_DIGEST, bytesRead: 5 });
      expect(methods(to)).toEqual(expected);
      nothingIsLeft(to);
    },
  );

  test("of the sha512 kind is checked as such", async () => {
    const digest = digestOf(HELLO, "sha512");
    const to = uploadRegistry(({ method }) => (method === "PUT" ? { status: 201 } : undefined));
    expect(await upload(to, HELLO, { digest })).toEqual({ digest, sizeInBytes: 5 });
    expect(await upload(to, Readable.from([HELLO]), { digest })).toEqual({ digest, sizeInBytes: 5 });
    await failureOf(upload(to, "other", { digest }), DigestMismatchError);
  });
});

test("a registry that says it stored something else is not believed", async () => {
  const to = uploadRegistry(({ method }) =>
    method === "PUT" ? { status: 201, headers: { "docker-content-digest": OTHER_DIGEST } } : undefined,
  );
  const error = await failureOf(upload(to, HELLO), DigestMismatchError);
  expect(error).toMatchObject({ expected: HELLO_DIGEST, actual: OTHER_DIGEST });
});

test("a registry that does not say what it stored is", async () => {
  const to = uploadRegistry(({ method }) => (method === "PUT" ? { status: 201 } : undefined));
  expect(await upload(to, HELLO)).toEqual({ digest: HELLO_DIGEST, sizeInBytes: 5 });
});

test("what cannot be read cannot be written over the wire: a 202 for the commit is no success", async () => {
  const to = uploadRegistry(({ method }) => (method === "PUT" ? { status: 202 } : undefined));
  await failureOf(upload(to, HELLO), RegistryError);
});

describe("progress", () => {
  const watch = () => {
    const events: TransferProgress[] = [];
    return { events, onProgress: (event: TransferProgress) => void events.push(event) };
  };
  const loaded = (events: readonly TransferProgress[]) => events.map(({ loadedBytes }) => loadedBytes);

  test("of content in memory starts at nothing and is complete once committed", async () => {
    const { events, onProgress } = watch();
    await upload(uploadRegistry(), HELLO, { onProgress });
    expect(events).toEqual([
      { loadedBytes: 0, totalBytes: 5 },
      { loadedBytes: 5, totalBytes: 5 },
    ]);
  });

  test.each([
    ["a Blob", () => new Blob([patterned(100).slice()]), 100],
    ["a stream", () => Readable.from([patterned(40), patterned(60)]), undefined],
  ] as [string, () => BlobContent, number | undefined][])("of %s never goes back", async (_, make, totalBytes) => {
    const { events, onProgress } = watch();
    await upload(uploadRegistry(), make(), { chunkSizeInBytes: 30, onProgress });
    expect(loaded(events)).toEqual([...loaded(events)].sort((a, b) => a - b));
    expect(events.at(-1)?.loadedBytes).toBe(100);
    expect(new Set(events.slice(0, -1).map((event) => event.totalBytes))).toEqual(new Set([totalBytes]));
    expect(events.length).toBeGreaterThanOrEqual(4);
  });

  test("does not say that everything is there before the registry has it", async () => {
    const { events, onProgress } = watch();
    let beforeCommit: TransferProgress | undefined;
    const to = uploadRegistry(({ method }) => {
      if (method === "PUT") beforeCommit = events.at(-1);
      return undefined;
    });
    await upload(to, new Blob([patterned(100).slice()]), { chunkSizeInBytes: 30, onProgress });
    expect(beforeCommit?.loadedBytes).toBeLessThan(100);
    expect(events.at(-1)).toEqual({ loadedBytes: 100, totalBytes: 100 });
    expect(loaded(events).filter((bytes) => bytes === 100)).toHaveLength(1);
  });

  test("goes back when the upload begins anew", async () => {
    const { events, onProgress } = watch();
    const to = uploadRegistry(({ method }, nth) =>
      method === "PATCH" && nth === 2 ? refusal(404, "BLOB_UPLOAD_INVALID", "blob upload invalid") : undefined,
    );
    await upload(to, new Blob([patterned(100).slice()]), { chunkSizeInBytes: 30, onProgress });
    const bytes = loaded(events);
    const back = bytes.findIndex((value, index) => value < (bytes[index - 1] ?? 0));
    expect(bytes[back - 1]).toBeGreaterThanOrEqual(60);
    expect(bytes[back]).toBeLessThanOrEqual(30);
    expect(bytes.at(-1)).toBe(100);
  });

  test("a listener that fails fails the upload, and leaves nothing", async () => {
    for (const content of [HELLO, Readable.from([HELLO])]) {
      const to = uploadRegistry();
      const onProgress = () => {
        throw new Error("the bar is broken");
      };
      await expect(upload(to, content, { onProgress })).rejects.toThrow("the bar is broken");
      expect(to.sessions.size).toBe(0);
    }
  });
});

describe("a content that is a Node stream", () => {
  test("and fails before anybody reads it is told, and does not end the process", async () => {
    const to = uploadRegistry();
    const error = await failureOf(upload(to, createReadStream(join(tmpdir(), "no", "such", "file"))), ContentReadError);
    expect(error.message).toContain("ENOENT");
    nothingIsLeft(to);
  });

  test("and has failed already is told why", async () => {
    const stream = new Readable({ read() {} });
    stream.on("error", () => {}).destroy(new Error("the disk is gone"));
    await new Promise((resolve) => stream.on("close", resolve));
    const error = await failureOf(upload(uploadRegistry(), stream), ContentReadError);
    expect(error.message).toContain("the disk is gone");
  });

  test("is closed when the blob turns out to be there", async () => {
    const registry = openRegistry(() => ({ status: 200, headers: { "content-length": "5" } }));
    const stream = new Readable({ read() {} });
    await clientOf(registry).uploadBlob("app", stream, { digest: HELLO_DIGEST });
    expect(stream.destroyed).toBe(true);
  });
});

test("what onProgress throws comes out as it is, and nothing is committed", async () => {
  const to = uploadRegistry();
  const thrown = new Error("the progress bar broke");
  const onProgress = () => {
    throw thrown;
  };
  await expect(upload(to, Readable.from([HELLO]), { onProgress })).rejects.toBe(thrown);
  nothingIsLeft(to);
});

test("a registry that throttles a chunk gets the content once more, in a new session", async () => {
  let refusals = 1;
  const to = uploadRegistry(({ method }) =>
    method === "PATCH" && refusals-- > 0
      ? { ...refusal(429, "TOOMANYREQUESTS", "too many requests"), headers: { "retry-after": "0" } }
      : undefined,
  );
  await upload(to, new Blob([HELLO as Uint8Array<ArrayBuffer>]));
  expect(to.registry.calls.map(({ method }) => method)).toEqual(["POST", "PATCH", "DELETE", "POST", "PATCH", "PUT"]);
});

// A cancellation is given 5 seconds; this test less.
test("an abort does not wait for the session to be cancelled", async () => {
  const controller = new AbortController();
  const registry = openRegistry(({ method }) => {
    if (method === "POST") return { status: 202, headers: { location: "/v2/app/blobs/uploads/uuid" } };
    controller.abort();
    return never();
  });
  const content = () => Readable.from([HELLO]);
  await abortOf(clientOf(registry).uploadBlob("app", content, { abortSignal: controller.signal }));
}, 4_000);
