import { createReadStream } from "node:fs";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { DigestMismatchError, digestOf, InvalidInputError } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
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
  never,
  openRegistry,
  refusal,
  type ScriptedAnswer,
  type SeenRequest,
} from "../../testing/scripted-registry.ts";
import { failOnUnhandled } from "../../testing/unhandled.ts";
import { type UploadRegistry, uploadRegistry } from "../../testing/upload-registry.ts";
import type { TransferProgress } from "../progress.ts";
import type { BlobContent } from "./content.ts";
import type { UploadBlobOptions } from "./upload.ts";

failOnUnhandled();

type Registry = UploadRegistry;
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
    expect(methods(to)).toEqual(["POST", "PATCH", "PATCH", "PATCH", "PUT"]);
    expect(to.registry.calls.slice(1).map(({ headers }) => headers["content-range"])).toEqual([
      "0-29",
      "30-59",
      "60-89",
      "90-99",
    ]);
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
  ])("%i bytes of a stream go in chunks of thirty, the last in the committing request", async (size, expected) => {
    const to = uploadRegistry();
    const content = patterned(size);
    await upload(to, Readable.from([content.subarray(0, 7), content.subarray(7)]), { chunkSizeInBytes: 30 });
    const sent = to.registry.calls.slice(1);
    expect(sent.map(({ body }) => body.byteLength)).toEqual(expected);
    expect(sent.map(({ headers }) => headers["content-length"])).toEqual(expected.map(String));
    expect(methods(to)).toEqual(["POST", ...Array(expected.length - 1).fill("PATCH"), "PUT"]);
    expect(Buffer.from(to.committed[0] ?? []).equals(content)).toBe(true);
  });

  const FOUR_MEBIBYTES = 4 * 1024 * 1024;
  const large = patterned(FOUR_MEBIBYTES + 1);
  const LARGE: [string, () => BlobContent, string | undefined][] = [
    ["bytes", () => large, String(large.byteLength)],
    ["a Blob", () => new Blob([large.slice()]), String(large.byteLength)],
    ["a stream", () => Readable.from([large.subarray(0, 1_000), large.subarray(1_000)]), undefined],
    ["a function", () => () => Readable.from([large]), undefined],
  ];

  test.each(LARGE)("%s of more than four mebibytes: one streamed request, no range", async (_, make, length) => {
    const to = uploadRegistry();
    await upload(to, make());
    expect(methods(to)).toEqual(["POST", "PATCH", "PUT"]);
    const [, patch, put] = to.registry.calls;
    expect(patch?.headers["content-length"]).toBe(length);
    expect(patch?.headers).not.toHaveProperty("content-range");
    expect(put?.body.byteLength).toBe(0);
    expect(Buffer.from(to.committed[0] ?? []).equals(large)).toBe(true);
  });

  test.each(LARGE)(
    "%s of four mebibytes goes into the committing request, also where nobody said so",
    async (_, make) => {
      const bytes = large.subarray(0, FOUR_MEBIBYTES);
      const to = uploadRegistry();
      const content = typeof make() === "function" || make() instanceof Readable ? Readable.from([bytes]) : bytes;
      await upload(to, content);
      expect(methods(to)).toEqual(["POST", "PUT"]);
      expect(to.registry.calls[1]?.headers["content-length"]).toBe(String(FOUR_MEBIBYTES));
    },
  );

  test("chunks are as large as the registry wants them", async () => {
    const to = uploadRegistry(undefined, { minChunkBytes: 40 });
    await upload(to, Readable.from([patterned(100)]), { chunkSizeInBytes: 30 });
    expect(to.registry.calls.slice(1).map(({ body }) => body.byteLength)).toEqual([40, 40, 20]);
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
    await upload({ ...to, registry }, HELLO, { chunkSizeInBytes: 2 });
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

  test.each([
    [3, undefined],
    [13, "DELETE"],
    [30, "DELETE"],
  ])("after %i bytes ends in an AbortError, and the session is cancelled", async (before, last) => {
    const controller = new AbortController();
    const to = uploadRegistry();
    await abortOf(upload(to, aborting(controller, before), { chunkSizeInBytes: 10, abortSignal: controller.signal }));
    nothingIsLeft(to);
    // What is small is read before a session is opened.
    expect(methods(to).at(-1)).toBe(last);
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

describe("an upload that breaks off, at a registry that forgets it", () => {
  const content = patterned(25);
  const reopenable: [string, () => BlobContent][] = [
    ["bytes", () => content],
    ["a Blob", () => new Blob([content.slice()])],
    ["a function", () => () => Readable.from([content])],
    ["a stream of which all is still there", () => Readable.from([content])],
  ];

  test.each(reopenable)("by BLOB_UPLOAD_INVALID is begun anew with %s, unasked", async (_, make) => {
    const to = uploadRegistry(({ method }, nth) =>
      method === "PATCH" && nth === 1 ? refusal(404, "BLOB_UPLOAD_INVALID", "blob upload invalid") : undefined,
    );
    expect(await upload(to, make(), { chunkSizeInBytes: 10 })).toEqual({ digest: digestOf(content), sizeInBytes: 25 });
    expect(methods(to)).toEqual(["POST", "PATCH", "PATCH", "DELETE", "POST", "PATCH", "PATCH", "PUT"]);
    expect(to.sessions.size).toBe(0);
  });

  test.each(reopenable)("in the middle of a chunk asks, and is begun anew with %s", async (_, make) => {
    const to: Registry = uploadRegistry((request, nth) =>
      request.method === "PATCH" && nth === 1 ? to.cutAfter(4, request) : undefined,
    );
    await upload(to, make(), { chunkSizeInBytes: 10 });
    expect(methods(to)).toEqual(["POST", "PATCH", "PATCH", "GET", "DELETE", "POST", "PATCH", "PATCH", "PUT"]);
    expect(Buffer.from(to.committed[0] ?? []).equals(content)).toBe(true);
  });

  test.each([408, 429, 500, 502, 503, 504])(
    "by status %i before anything was taken goes on with the same session",
    async (status) => {
      const to = uploadRegistry(({ method }, nth) =>
        method === "PATCH" && nth === 1 ? { status, headers: { "retry-after": "0" } } : undefined,
      );
      await upload(to, Readable.from([content]), { chunkSizeInBytes: 10 });
      expect(methods(to)).toEqual(["POST", "PATCH", "PATCH", "GET", "PATCH", "PUT"]);
      expect(Buffer.from(to.committed[0] ?? []).equals(content)).toBe(true);
    },
  );

  test("while it commits is begun anew, once the blob was found missing", async () => {
    const to: Registry = uploadRegistry((request, nth) =>
      request.method === "PUT" && nth === 0 ? to.cutAfter(3, request) : undefined,
    );
    await upload(to, content);
    expect(methods(to)).toEqual(["POST", "PUT", "HEAD", "GET", "DELETE", "POST", "PUT"]);
    expect(Buffer.from(to.committed[0] ?? []).equals(content)).toBe(true);
  });

  test("again and again is given up after as many retries as the client has", async () => {
    const to = uploadRegistry(({ method }) =>
      method === "PATCH" ? refusal(404, "BLOB_UPLOAD_INVALID", "blob upload invalid") : undefined,
    );
    const client = clientOf(to.registry, { retryOptions: { maxRetries: 2, retryDelayInMs: 0 } });
    const error = await failureOf(client.uploadBlob("app", content, { chunkSizeInBytes: 10 }), RegistryError);
    expect(error).not.toBeInstanceOf(ResourceNotFoundError);
    expect(error.code).toBe("BLOB_UPLOAD_INVALID");
    expect(methods(to)).toEqual(Array(3).fill(["POST", "PATCH", "DELETE"]).flat());
    nothingIsLeft(to);
  });

  test("at the same place is given up, however often it got there", async () => {
    let sent = 0;
    const to = uploadRegistry(({ method }) =>
      method === "PATCH" && sent++ % 2 === 1 ? refusal(404, "BLOB_UPLOAD_INVALID", "blob upload invalid") : undefined,
    );
    await failureOf(upload(to, content, { chunkSizeInBytes: 10 }), RegistryError);
    expect(methods(to).filter((method) => method === "POST")).toHaveLength(1 + 3);
    nothingIsLeft(to);
  });

  test("with a stream of which too much is gone, is an error that says so", async () => {
    const piece = patterned(1024 * 1024);
    const endless = async function* () {
      for (let count = 0; count < 24; count++) yield piece;
    };
    const to: Registry = uploadRegistry((request) =>
      request.method === "PATCH" ? to.cutAfter(5, request) : undefined,
    );
    const error = await failureOf(upload(to, endless()), TransportError);
    expect(error).toMatchObject({ operation: "uploadBlob", code: "ECONNRESET" });
    expect(error.message).toMatch(/content is a stream, which cannot be read again.*pass a function/);
    expect(methods(to)).toEqual(["POST", "PATCH", "GET", "DELETE"]);
    // The registry itself does not find it again under the state that the client has.
    expect(to.committed).toEqual([]);
  });

  test.each([
    [refusal(400, "DIGEST_INVALID", "provided digest did not match uploaded content"), RegistryError],
    [refusal(404, "NAME_UNKNOWN", "repository name not known to registry"), ResourceNotFoundError],
    [{ status: 413, body: "too large" }, RegistryError],
  ])("is something else than %o, which would come again", async (answer, kind) => {
    const to = uploadRegistry(({ method }) => (method === "PUT" ? answer : undefined));
    await failureOf(upload(to, content), kind);
    expect(methods(to)).toEqual(["POST", "PUT", "DELETE"]);
    nothingIsLeft(to);
  });

  test("is not one that a registry wants to hear of in an hour", async () => {
    const to = uploadRegistry(({ method }) =>
      method === "PUT" ? { status: 429, headers: { "retry-after": "3600" } } : undefined,
    );
    const error = await failureOf(upload(to, content), RegistryError);
    expect(error.retryAfterInMs).toBe(3_600_000);
    expect(methods(to)).toEqual(["POST", "PUT", "HEAD", "DELETE"]);
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
    ["bytes", () => HELLO, ["HEAD"], 10],
    ["a stream", () => Readable.from([HELLO]), ["HEAD"], 10],
    ["a stream in chunks", () => Readable.from([HELLO]), ["HEAD", "POST", "PATCH", "PATCH", "DELETE"], 2],
  ] as [string, () => BlobContent, string[], number][])(
    "is another than that of %s: nothing is committed",
    async (_, make, expected, chunkSizeInBytes) => {
      const to = uploadRegistry();
      const options = { digest: OTHER_DIGEST, chunkSizeInBytes };
      const error = await failureOf(upload(to, make(), options), DigestMismatchError);
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

  test("of what goes in one request: its turn, and its end", async () => {
    const { events, onProgress } = watch();
    await upload(uploadRegistry(), HELLO, { onProgress });
    expect(events).toEqual([
      { kind: "started", loadedBytes: 0, totalBytes: 5 },
      { kind: "verified", loadedBytes: 5, totalBytes: 5 },
    ]);
  });

  const MEBIBYTE = 1024 * 1024;
  const large = patterned(6 * MEBIBYTE);
  test.each([
    ["a Blob", () => new Blob([large.slice()]), large.byteLength, undefined],
    [
      "a stream",
      () => Readable.from([large.subarray(0, 5 * MEBIBYTE), large.subarray(5 * MEBIBYTE)]),
      undefined,
      undefined,
    ],
    ["a stream in chunks", () => Readable.from([large]), undefined, MEBIBYTE],
  ] as [string, () => BlobContent, number | undefined, number | undefined][])(
    "of %s never goes back, and is at its end only once the registry has it",
    async (_, make, totalBytes, chunkSizeInBytes) => {
      const { events, onProgress } = watch();
      let beforeCommit: TransferProgress | undefined;
      const to = uploadRegistry(({ method }) => {
        if (method === "PUT") beforeCommit = events.at(-1);
        return undefined;
      });
      await upload(to, make(), { onProgress, ...(chunkSizeInBytes === undefined ? {} : { chunkSizeInBytes }) });
      expect(loaded(events)).toEqual([...loaded(events)].sort((a, b) => a - b));
      expect(events.map(({ kind }) => kind)).toEqual([
        "started",
        ...Array(events.length - 2).fill("progress"),
        "verified",
      ]);
      expect(new Set(events.slice(0, -1).map((event) => event.totalBytes))).toEqual(new Set([totalBytes]));
      if (totalBytes !== undefined) expect(beforeCommit?.loadedBytes).toBeLessThan(totalBytes);
      expect(events.at(-1)).toEqual({ kind: "verified", loadedBytes: large.byteLength, totalBytes: large.byteLength });
    },
  );

  test.each([
    [true, 3 * MEBIBYTE + 7],
    [false, 0],
  ])("takes bytes back with `retrying` alone (offsets reported: %s)", async (reportsOffset, from) => {
    const { events, onProgress } = watch();
    const to: Registry = uploadRegistry(
      (request, nth) => (request.method === "PATCH" && nth === 0 ? to.cutAfter(from || 5, request) : undefined),
      { reportsOffset },
    );
    await upload(to, new Blob([large.slice()]), { onProgress });
    expect(events.filter(({ kind }) => kind === "retrying").map(({ loadedBytes }) => loadedBytes)).toEqual([from]);
    const back = events.findIndex(({ kind }) => kind === "retrying");
    expect(loaded(events.slice(back))).toEqual([...loaded(events.slice(back))].sort((a, b) => a - b));
    expect(events.at(-1)?.kind).toBe("verified");
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
