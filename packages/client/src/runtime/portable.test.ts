import { digestOf } from "@acrkit/oci";
import { expect, test, vi } from "vitest";
import { ContentReadError } from "../errors/registry-error.ts";
import { abortOf, clientOf, failureOf } from "../testing/client.ts";
import { HELLO, HELLO_DIGEST, patterned } from "../testing/content.ts";
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
  const chunks = registry.calls.filter(({ method }) => method === "PATCH");
  expect(chunks.map(({ headers }) => headers["content-length"])).toEqual(["10", "10", "5"]);
  expect(Buffer.concat(chunks.map(({ body }) => body)).equals(content)).toBe(true);
  expect(progress).toEqual([10, 20, 25, 25]);
});

test("a chunk has 4 MiB unless told otherwise", async () => {
  const registry = uploads();
  await clientOf(registry).uploadBlob("app", () => new Blob([patterned(4 * 1024 * 1024 + 1).slice()]).stream());
  const sizes = registry.calls.filter(({ method }) => method === "PATCH").map(({ body }) => body.byteLength);
  expect(sizes).toEqual([4 * 1024 * 1024, 1]);
});

test("content that fails is told as such, and the session cancelled", async () => {
  const registry = uploads();
  const content = async function* () {
    yield "hello";
    throw new Error("disk on fire");
  };
  await failureOf(clientOf(registry).uploadBlob("app", content), ContentReadError);
  expect(registry.calls.map(({ method }) => method)).toEqual(["POST", "DELETE"]);
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
  expect(registry.calls).toEqual([]);
  const download = await client.downloadBlob("app", HELLO_DIGEST);
  await failureOf(download.toFile("/content"), UnsupportedError);
  expect(registry.bodies.at(-1)?.readableEnded).toBe(true);
});
