import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { RegistryError, TransportError } from "../errors/registry-error.ts";
import { abortOf, clientOf, failureOf } from "../testing/client.ts";
import { HELLO, HELLO_DIGEST } from "../testing/content.ts";
import { isLogin, never, openRegistry, ScriptedRegistry } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";

failOnUnhandled();

const QUICK = { idleTimeoutInMs: 100, retryOptions: { maxRetries: 1, retryDelayInMs: 0 } };
const tags = { status: 200, body: { registry: "r", imageName: "app", tags: [] } };

test("no answer within the idle timeout is a failure that is tried again", async () => {
  const registry = openRegistry((_, index) => (index === 0 ? never() : tags));
  await clientOf(registry, QUICK).listTagProperties("app").next();
  expect(registry.calls).toHaveLength(2);
});

test("no answer at all is a TransportError that tells how long it waited", async () => {
  const registry = openRegistry(never);
  const error = await failureOf(clientOf(registry, QUICK).listTagProperties("app").next(), TransportError);
  expect(error.code).toBe("IDLE_TIMEOUT");
  expect(error.message).toContain("no answer came within 100 ms");
  expect(registry.calls).toHaveLength(2);
});

test("a body that stops is a TransportError", async () => {
  const stalled = new Readable({ read() {} });
  stalled.push('{"tags":[');
  const registry = openRegistry(() => ({ status: 200, body: stalled }));
  const error = await failureOf(clientOf(registry, QUICK).listTagProperties("app").next(), TransportError);
  expect(error.message).toContain("nothing came for 100 ms");
  expect(stalled.destroyed).toBe(true);
});

test("the consumer of a download may take longer than the registry may", async () => {
  const body = Readable.from([HELLO.subarray(0, 2), HELLO.subarray(2)]);
  const registry = openRegistry(() => ({ status: 200, headers: { "content-length": "5" }, body }));
  const download = await clientOf(registry, { idleTimeoutInMs: 100 }).downloadBlob("app", HELLO_DIGEST);
  let seen = 0;
  for await (const part of download) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    seen += part.byteLength;
  }
  expect(seen).toBe(5);
});

const ENOUGH_TO_STREAM = 5 * 1024 * 1024;

describe("during an upload", () => {
  const slowContent = (pauses: readonly number[]) =>
    async function* () {
      // What is small is read before anything is sent.
      yield new Uint8Array(ENOUGH_TO_STREAM);
      for (const ms of pauses) {
        await new Promise((resolve) => setTimeout(resolve, ms));
        yield "x";
      }
    };
  const uploads = () =>
    openRegistry(({ method }) =>
      method === "PUT" ? { status: 201 } : { status: 202, headers: { location: "/v2/app/blobs/uploads/uuid" } },
    );

  test("a body that moves is not idle, however long it takes in all", async () => {
    const registry = uploads();
    const content = slowContent(Array(60).fill(10));
    const { sizeInBytes } = await clientOf(registry, { idleTimeoutInMs: 400 }).uploadBlob("app", content);
    expect(sizeInBytes).toBe(ENOUGH_TO_STREAM + 60);
    expect(registry.calls.filter(({ method }) => method === "PATCH")).toHaveLength(1);
  });

  test("a content that stands still for longer is not the registry's silence", async () => {
    const registry = uploads();
    const content = () => Readable.from(slowContent([0, 400, 400])());
    await clientOf(registry, { idleTimeoutInMs: 150 }).uploadBlob("app", content);
    expect(registry.calls.map(({ method }) => method)).toEqual(["POST", "PATCH", "PUT"]);
  }, 5_000);
});

describe("requestOptions.timeout", () => {
  /** Like the real transport, which turns its timeout into an abort. */
  const withTimeout = () => {
    const inner = openRegistry(never);
    return new ScriptedRegistry(async ({ request, url }) => {
      if (isLogin({ url })) return { status: 200, body: {} };
      const error = Object.assign(new Error("The operation was aborted."), { name: "AbortError" });
      await new Promise((resolve) => setTimeout(resolve, request.timeout));
      inner.seen.length = 0;
      throw error;
    });
  };

  test("ends in an error, not in an abort that nobody asked for", async () => {
    const registry = withTimeout();
    const client = clientOf(registry, { retryOptions: { maxRetries: 1, retryDelayInMs: 0 } });
    const error = await failureOf(
      client.getTagProperties("app", "v1", { requestOptions: { timeout: 5 } }),
      TransportError,
    );
    expect(error.message).toContain("took longer than its timeout of 5 ms");
    expect(registry.calls).toHaveLength(2);
  });

  test("does not hide an abort that the caller did ask for", async () => {
    const controller = new AbortController();
    const call = clientOf(withTimeout()).getTagProperties("app", "v1", {
      requestOptions: { timeout: 60_000 },
      abortSignal: controller.signal,
    });
    setImmediate(() => controller.abort());
    await abortOf(call);
  });
});

describe("a registry that drips", () => {
  /** A byte every few milliseconds: never silent for long, and never done. */
  const dripping = () =>
    Readable.from(
      (async function* () {
        for (;;) {
          await new Promise((resolve) => setTimeout(resolve, 10));
          yield Buffer.from(" ");
        }
      })(),
    );
  const once = { idleTimeoutInMs: 100, retryOptions: { maxRetries: 0 } };

  test("is given up in the middle of a list", async () => {
    const body = dripping();
    const registry = openRegistry(() => ({ status: 200, body }));
    const error = await failureOf(clientOf(registry, once).listRepositoryNames().next(), TransportError);
    expect(error.code).toBe("IDLE_TIMEOUT");
    expect(body.destroyed).toBe(true);
  }, 5_000);

  test("is given up in the middle of a blob", async () => {
    const registry = openRegistry(() => ({ status: 200, headers: { "content-length": "100000" }, body: dripping() }));
    const download = await clientOf(registry, once).downloadBlob("app", HELLO_DIGEST);
    await expect(download.bytes()).rejects.toThrow();
  }, 10_000);

  test("is given up in the middle of an error, whose status is told", async () => {
    const registry = openRegistry(() => ({ status: 404, body: dripping() }));
    const error = await failureOf(clientOf(registry, once).getTagProperties("app", "v1"), RegistryError);
    expect(error.statusCode).toBe(404);
  }, 5_000);

  test("does not hold up a retry for long", async () => {
    const registry = openRegistry((_, index) => (index === 0 ? { status: 503, body: dripping() } : tags));
    await clientOf(registry, { retryOptions: { retryDelayInMs: 0 } })
      .listTagProperties("app")
      .next();
    expect(registry.calls).toHaveLength(2);
  }, 10_000);
});

test("requestOptions.timeout holds for the body of a small answer as well", async () => {
  const stalled = new Readable({ read() {} });
  const registry = openRegistry(() => ({ status: 200, body: stalled }));
  const client = clientOf(registry, { retryOptions: { maxRetries: 0 } });
  await failureOf(client.getTagProperties("app", "v1", { requestOptions: { timeout: 50 } }), TransportError);
  expect(stalled.destroyed).toBe(true);
}, 5_000);
