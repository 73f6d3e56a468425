import { Readable } from "node:stream";
import {
  createHttpHeaders,
  createPipelineRequest,
  type HttpMethods,
  type PipelineResponse,
  type RequestBodyType,
} from "@azure/core-rest-pipeline";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { abortOf } from "../testing/client.ts";
import { patterned } from "../testing/content.ts";
import { openRegistry } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import { attachContext } from "./call-context.ts";
import { Pace } from "./pace.ts";
import { pacePolicy } from "./pace-policy.ts";
import { createRegistryPipeline } from "./pipeline.ts";

failOnUnhandled();

const REGISTRY = new URL("https://registry.example");
const BLOB = "https://registry.example/v2/app/blobs/sha256:1";

interface Sending {
  readonly url?: string;
  readonly method?: HttpMethods;
  readonly body?: RequestBodyType;
  readonly abortSignal?: AbortSignal;
}

function requestOf({ url = BLOB, method = "GET", body, abortSignal }: Sending = {}) {
  const request = createPipelineRequest({
    url,
    method,
    ...(body === undefined ? {} : { body }),
    ...(abortSignal === undefined ? {} : { abortSignal }),
  });
  return attachContext(request, {
    call: { operation: "test", registry: REGISTRY.host, metadataApi: false },
    scopes: [],
    repeatable: true,
    hasBodyAgain: true,
    idleTimeoutInMs: 1_000,
  });
}

/** The policy, and requests that are answered when the test says so. */
function paced(limit = 4) {
  const pace = new Pace(limit);
  const policy = pacePolicy(pace, REGISTRY);
  const sent: string[] = [];
  const answers = new Map<string, (status: number | Error, headers?: Record<string, string>) => void>();
  const send = (name: string, sending?: Sending): Promise<number> => {
    const request = requestOf(sending);
    return policy
      .sendRequest(request, () => {
        sent.push(name);
        return new Promise<PipelineResponse>((resolve, reject) => {
          answers.set(name, (status, headers) =>
            status instanceof Error
              ? reject(status)
              : resolve({ request, status, headers: createHttpHeaders(headers ?? {}) }),
          );
        });
      })
      .then(({ status }) => status);
  };
  const answer = async (name: string, status: number | Error, headers?: Record<string, string>): Promise<void> => {
    // It may have been sent just now.
    await vi.advanceTimersByTimeAsync(0);
    answers.get(name)?.(status, headers);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { pace, sent, send, answer };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("what counts as too much", () => {
  test.each<[string, number, Record<string, string>, number]>([
    ["429", 429, {}, 2],
    ["503 that says when to come back", 503, { "retry-after": "1" }, 2],
    ["503 that does not", 503, {}, 4],
    ["500", 500, { "retry-after": "1" }, 4],
    ["404", 404, {}, 4],
  ])("%s", async (_, status, headers, allowed) => {
    const { pace, send, answer } = paced();
    const call = send("a");
    await answer("a", status, headers);
    expect(await call).toBe(status);
    expect(pace.allowed).toBe(allowed);
  });

  test("an answer of any call to the registry, of blobs or not", async () => {
    const { pace, send, answer } = paced();
    const call = send("a", { url: "https://registry.example/acr/v1/_catalog" });
    await answer("a", 429);
    await call;
    expect(pace.allowed).toBe(2);
  });

  test("but none of another origin", async () => {
    const { pace, send, answer } = paced();
    const call = send("a", { url: "https://store.example/v2/app/blobs/sha256:1" });
    await answer("a", 429, { "retry-after": "5" });
    await call;
    expect(pace).toMatchObject({ allowed: 4, pauseInMs: 0 });
  });

  test("a burst of requests that were sent together counts once", async () => {
    const { pace, send, answer } = paced(16);
    const names = Array.from({ length: 10 }, (_, index) => `r${index}`);
    const calls = names.map((name) => send(name));
    await vi.advanceTimersByTimeAsync(0);
    for (const name of names) await answer(name, 429);
    await Promise.all(calls);
    expect(pace.allowed).toBe(8);
  });
});

describe("requests of blobs", () => {
  /** A registry that has just said that it is too much, and for how long. */
  async function throttled(limit: number, retryAfter?: string) {
    const all = paced(limit);
    const call = all.send("first");
    await all.answer("first", 429, retryAfter === undefined ? {} : { "retry-after": retryAfter });
    await call;
    all.sent.length = 0;
    return all;
  }

  test("are not held up while nobody complains", async () => {
    const { sent, send, answer } = paced(1);
    const calls = ["a", "b", "c"].map((name) => send(name));
    await vi.advanceTimersByTimeAsync(0);
    expect(sent).toEqual(["a", "b", "c"]);
    for (const name of sent) await answer(name, 200);
    await Promise.all(calls);
  });

  test("go out no more at a time than are allowed, in order, however those before them end", async () => {
    const { sent, send, answer } = await throttled(4);
    const calls = ["a", "b", "c", "d"].map((name) => send(name).catch((error: Error) => error.message));
    await vi.advanceTimersByTimeAsync(0);
    expect(sent).toEqual(["a", "b"]);
    await answer("b", 200);
    expect(sent).toEqual(["a", "b", "c"]);
    await answer("a", new Error("cut"));
    expect(sent).toEqual(["a", "b", "c", "d"]);
    await answer("c", 404);
    await answer("d", 200);
    expect(await Promise.all(calls)).toEqual(["cut", 200, 404, 200]);
  });

  test("wait for the pause that the registry asked for", async () => {
    const { sent, send, answer } = await throttled(4, "10");
    const body = Readable.from(["x"]);
    const calls = [send("get"), send("patch", { method: "PATCH", body: () => body })];
    await vi.advanceTimersByTimeAsync(9_999);
    expect(sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(sent.toSorted()).toEqual(["get", "patch"]);
    expect(vi.getTimerCount()).toBe(0);
    for (const name of ["get", "patch"]) await answer(name, 200);
    await Promise.all(calls);
  });

  test("that stream a body hold up nobody, since it may be read from this registry", async () => {
    const { sent, send, answer } = await throttled(2);
    const body = Readable.from(["x"]);
    const calls = [send("get 1"), send("patch", { method: "PATCH", body: () => body }), send("get 2")];
    await vi.advanceTimersByTimeAsync(0);
    expect(sent).toEqual(["get 1", "patch"]);
    await answer("get 1", 200);
    expect(sent).toEqual(["get 1", "patch", "get 2"]);
    for (const name of ["get 2", "patch"]) await answer(name, 200);
    await Promise.all(calls);
  });

  test("end their waiting at once on an abort, and are never sent", async () => {
    const { sent, send, answer } = await throttled(2, "10");
    const controller = new AbortController();
    const aborted = send("aborted", { abortSignal: controller.signal });
    const other = send("other");
    controller.abort();
    await abortOf(aborted);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent).toEqual(["other"]);
    await answer("other", 200);
    await other;
  });

  test("but not the cancellation of an upload, nor calls about anything else", async () => {
    const { sent, send, answer } = await throttled(2, "10");
    const calls = [
      send("cancel", { method: "DELETE", url: "https://registry.example/v2/app/blobs/uploads/1" }),
      send("tags", { url: "https://registry.example/acr/v1/app/_tags" }),
    ];
    await vi.advanceTimersByTimeAsync(0);
    expect(sent).toEqual(["cancel", "tags"]);
    for (const name of sent) await answer(name, 200);
    await Promise.all(calls);
  });
});

describe("against a registry that takes three requests at a time", () => {
  beforeEach(() => {
    vi.useRealTimers();
  });

  /** Sends 500 blobs through a pipeline, sixteen at a time, each of two requests. How many of these were refused? */
  async function refusalsOf(pace: Pace | undefined): Promise<number> {
    let underWay = 0;
    let refused = 0;
    let stored = 0;
    const registry = openRegistry(async ({ method }) => {
      if (underWay >= 3) {
        refused++;
        return { status: 429 };
      }
      underWay++;
      for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate);
      underWay--;
      if (method === "PUT") stored++;
      return { status: 201 };
    });
    const options = { retryOptions: { maxRetries: 10_000, retryDelayInMs: 0 } };
    const pipeline = createRegistryPipeline(options, pace === undefined ? {} : { pace: pacePolicy(pace, REGISTRY) });
    const body = patterned(1_000);
    let left = 500;
    const worker = async (): Promise<void> => {
      while (left-- > 0) {
        await pipeline.sendRequest(registry, requestOf({ method: "POST", url: `${REGISTRY}v2/app/blobs/uploads/` }));
        await pipeline.sendRequest(
          registry,
          requestOf({ method: "PUT", url: `${REGISTRY}v2/app/blobs/uploads/1`, body }),
        );
      }
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    expect(stored).toBe(500);
    return refused;
  }

  test("all blobs come through, with far fewer refusals than without a pace", async () => {
    const unpaced = await refusalsOf(undefined);
    const pace = new Pace(16);
    const paced = await refusalsOf(pace);
    expect(pace.allowed).toBeLessThanOrEqual(4);
    expect(paced).toBeGreaterThan(0);
    expect(paced).toBeLessThan(unpaced / 10);
  });
});
