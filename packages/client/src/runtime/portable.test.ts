import { digestOf } from "@acrkit/oci";
import { expect, test, vi } from "vitest";
import { ContentReadError } from "../errors/registry-error.ts";
import { acrRegistry, unsignedJwt } from "../testing/acr-registry.ts";
import { abortOf, clientOf, FakeEntraCredential, failureOf } from "../testing/client.ts";
import { HELLO, HELLO_DIGEST, patterned } from "../testing/content.ts";
import { recordLogs } from "../testing/logs.ts";
import { openRegistry } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import { UnsupportedError } from "./unsupported.ts";

// What a bundler for browsers does by the `browser`-less condition of package.json's imports.
vi.mock("#runtime", () => import("./portable.ts"));

failOnUnhandled();

const uploads = () =>
  openRegistry(({ method }) =>
    method === "PUT" ? { status: 201 } : { status: 202, headers: { location: "/v2/app/blobs/uploads/uuid" } },
  );

test("a stream is sent in chunks that are held in memory, with their length", async () => {
  const content = patterned(25);
  const registry = uploads();
  const progress: number[] = [];
  const result = await clientOf(registry).uploadBlob("app", new Blob([content.slice()]).stream(), {
    chunkSizeInBytes: 10,
    onProgress: ({ loadedBytes }) => progress.push(loadedBytes),
  });
  expect(result).toEqual({ digest: digestOf(content), sizeInBytes: 25 });
  // The last rides the commit.
  expect(registry.calls.map(({ method }) => method)).toEqual(["POST", "PATCH", "PATCH", "PUT"]);
  const chunks = registry.calls.slice(1);
  expect(chunks.map(({ headers }) => headers["content-length"])).toEqual(["10", "10", "5"]);
  expect(Buffer.concat(chunks.map(({ body }) => body)).equals(content)).toBe(true);
  expect(progress).toEqual([0, 25]);
});

test("a chunk has 4 MiB unless told otherwise", async () => {
  const registry = uploads();
  await clientOf(registry).uploadBlob("app", () => new Blob([patterned(4 * 1024 * 1024 + 1).slice()]).stream());
  const sizes = registry.calls.slice(1).map(({ method, body }) => [method, body.byteLength]);
  expect(sizes).toEqual([
    ["PATCH", 4 * 1024 * 1024],
    ["PUT", 1],
  ]);
});

test("content that fails is told as such, and the session cancelled", async () => {
  const registry = uploads();
  const content = async function* () {
    yield "hello";
    throw new Error("disk on fire");
  };
  await failureOf(clientOf(registry).uploadBlob("app", content, { chunkSizeInBytes: 3 }), ContentReadError);
  // Three bytes are sent while the next are read.
  expect(registry.calls.map(({ method }) => method)).toEqual(["POST", "PATCH", "DELETE"]);
});

test("an abort does not wait for content that stands still", async () => {
  const controller = new AbortController();
  const content = async function* () {
    yield "hello";
    setTimeout(() => controller.abort(), 5);
    await new Promise(() => {});
  };
  await abortOf(clientOf(uploads()).uploadBlob("app", content, { abortSignal: controller.signal }));
}, 5_000);

test("there are no files, which is said by name", async () => {
  const registry = openRegistry(() => ({ status: 200, body: HELLO }));
  const client = clientOf(registry);
  await failureOf(client.uploadBlob("app", { path: "/content" }), UnsupportedError);
  await failureOf(client.uploadBlob("app", "hello", { journal: "/journal" }), UnsupportedError);
  expect(registry.calls).toEqual([]);
  const download = await client.downloadBlob("app", HELLO_DIGEST);
  await failureOf(download.toFile("/content"), UnsupportedError);
  expect(registry.bodies.at(-1)?.readableEnded).toBe(true);
});

test("a token cache is done without, which the log says", async () => {
  const logs = recordLogs();
  const owner = unsignedJwt({ tid: "tenant", oid: "object" });
  const client = clientOf(
    acrRegistry(() => ({ status: 202 })),
    { credential: new FakeEntraCredential(owner), tokenCache: true },
  );
  await client.deleteTag("app", "v1");
  expect(logs.join("\n")).toMatch(/token cache cannot be used.*not possible in this runtime/);
});
