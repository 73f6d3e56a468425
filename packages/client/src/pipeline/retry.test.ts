import {
  createHttpHeaders,
  createPipelineRequest,
  type PipelineResponse,
  type PipelineRetryOptions,
  RestError,
} from "@azure/core-rest-pipeline";
import { describe, expect, test } from "vitest";
import { AccessDeniedError, RegistryError, ThrottledError, TransportError } from "../errors/registry-error.ts";
import { abortOf, clientOf, failureOf } from "../testing/client.ts";
import { connectionError, inOrder, openRegistry, refusal, type ScriptedAnswer } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import { attachContext } from "./call-context.ts";
import { retryPolicy } from "./retry.ts";

failOnUnhandled();

const NOW = Date.UTC(2026, 0, 1);

/** Runs the policy over these outcomes, with time standing still; tells what came out and how long it paused. */
async function run(
  outcomes: readonly (ScriptedAnswer | Error)[],
  options: { retry?: PipelineRetryOptions; random?: number; repeatable?: boolean } = {},
) {
  const pauses: number[] = [];
  const request = attachContext(createPipelineRequest({ url: "https://registry.example/v2/" }), {
    call: { operation: "test", registry: "registry.example", metadataApi: false },
    scopes: [],
    repeatable: options.repeatable ?? true,
    hasBodyAgain: true,
    idleTimeoutInMs: 1_000,
  });
  let sent = 0;
  const policy = retryPolicy(options.retry, {
    now: () => NOW,
    random: () => options.random ?? 0,
    sleep: async (ms) => void pauses.push(ms),
  });
  const outcome = await policy
    .sendRequest(request, async () => {
      const next = outcomes[Math.min(sent++, outcomes.length - 1)];
      if (next === undefined || next instanceof Error) throw next;
      return {
        request,
        status: next.status,
        headers: createHttpHeaders(next.headers),
        bodyAsText: "",
      } as PipelineResponse;
    })
    .catch((error: Error) => error);
  return { outcome, pauses, sent };
}

const OK: ScriptedAnswer = { status: 200 };
const status = (code: number, headers: Record<string, string> = {}): ScriptedAnswer => ({ status: code, headers });

describe("what is sent again", () => {
  test.each([408, 429, 500, 502, 503, 504])("status %i", async (code) => {
    const { outcome, sent } = await run([status(code), OK]);
    expect(outcome).toMatchObject({ status: 200 });
    expect(sent).toBe(2);
  });

  test.each([200, 202, 304, 307, 400, 401, 403, 404, 405, 409, 416, 424, 501, 505])("not status %i", async (code) => {
    const { outcome, sent } = await run([status(code)]);
    expect(outcome).toMatchObject({ status: code });
    expect(sent).toBe(1);
  });

  test.each([
    "REQUEST_SEND_ERROR",
    "IDLE_TIMEOUT",
    "EAI_AGAIN",
    "ECONNABORTED",
    "ECONNREFUSED",
    "ECONNRESET",
    "EHOSTUNREACH",
    "ENETDOWN",
    "ENETUNREACH",
    "ENOTFOUND",
    "EPIPE",
    "ERR_STREAM_PREMATURE_CLOSE",
    "ESOCKETTIMEDOUT",
    "ETIMEDOUT",
    "HPE_INVALID_EOF_STATE",
  ])("a connection that fails with %s", async (code) => {
    const { outcome, sent } = await run([connectionError(code), OK]);
    expect(outcome).toMatchObject({ status: 200 });
    expect(sent).toBe(2);
  });

  test.each([
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "CERT_HAS_EXPIRED",
    "TOO_MANY_REDIRECTS",
    "EACCES",
  ])("not one that fails with %s: it would again", async (code) => {
    const { outcome, sent } = await run([connectionError(code)]);
    expect(outcome).toMatchObject({ code });
    expect(sent).toBe(1);
  });

  test("not an error of somebody's code", async () => {
    const error = new TypeError("a policy of the application failed");
    expect(await run([error])).toMatchObject({ outcome: error, sent: 1 });
  });

  test.each([
    ["an answer", status(503)],
    ["a failure", connectionError()],
  ])("not what must not be sent twice, after %s", async (_, first) => {
    const { sent, pauses } = await run([first, OK], { repeatable: false });
    expect(sent).toBe(1);
    expect(pauses).toEqual([]);
  });
});

describe("the pause", () => {
  test("doubles from one second on, half of it by chance", async () => {
    expect((await run([status(503)], { random: 0 })).pauses).toEqual([500, 1_000, 2_000]);
    expect((await run([status(503)], { random: 1 })).pauses).toEqual([1_000, 2_000, 4_000]);
    expect((await run([status(503)], { random: 0.5 })).pauses).toEqual([750, 1_500, 3_000]);
  });

  test("stays within the options", async () => {
    const retry = { maxRetries: 6, retryDelayInMs: 10, maxRetryDelayInMs: 50 };
    expect((await run([status(503)], { retry, random: 1 })).pauses).toEqual([10, 20, 40, 50, 50, 50]);
    expect(await run([status(503)], { retry: { maxRetries: 0 } })).toMatchObject({ sent: 1, pauses: [] });
  });

  test("is the usual one for a 429 that does not say how long", async () => {
    expect((await run([status(429), OK], { random: 1 })).pauses).toEqual([1_000]);
  });

  test.each([
    [{ "retry-after": "7" }, 7_000],
    [{ "retry-after": new Date(NOW + 9_000).toUTCString() }, 9_000],
    [{ "retry-after-ms": "250" }, 250],
    [{ "x-ms-retry-after-ms": "250" }, 250],
    [{ "retry-after": "0" }, 0],
    [{ "retry-after": "300" }, 300_000],
  ])("is what the registry asks for: %o", async (headers, expected) => {
    expect((await run([status(429, headers as Record<string, string>), OK])).pauses).toEqual([expected]);
  });

  test.each([{ "retry-after": "301" }, { "retry-after": new Date(NOW + 3_600_000).toUTCString() }])(
    "is given up at once when it would be too long: %o",
    async (headers) => {
      const { outcome, pauses, sent } = await run([status(429, headers as Record<string, string>), OK]);
      expect(outcome).toMatchObject({ status: 429 });
      expect({ pauses, sent }).toEqual({ pauses: [], sent: 1 });
    },
  );
});

test("after the last retry, the last answer or failure is the outcome", async () => {
  expect(await run([status(503), status(502), status(504), status(500)])).toMatchObject({
    outcome: { status: 500 },
    sent: 4,
  });
  const last = connectionError("EPIPE");
  expect(await run([status(503), connectionError(), status(503), last])).toMatchObject({ outcome: last, sent: 4 });
});

describe("through the client", () => {
  const tags = { status: 200, body: { registry: "r", imageName: "app", tags: [] } };
  const list = (registry: ReturnType<typeof openRegistry>, options = {}) =>
    clientOf(registry).listTagProperties("app", options).next();

  test("a call succeeds after three failures", async () => {
    const registry = openRegistry(
      inOrder(refusal(503, "UNAVAILABLE", "later"), connectionError(), { status: 504, body: "<html>" }, tags),
    );
    await list(registry);
    expect(registry.callLines).toHaveLength(4);
  });

  test("a call that stays throttled tells for how long", async () => {
    const registry = openRegistry(() =>
      refusal(429, "TOOMANYREQUESTS", "too many requests", { headers: { "retry-after": "600" } }),
    );
    const error = await failureOf(list(registry), ThrottledError);
    expect(error).toMatchObject({ statusCode: 429, code: "TOOMANYREQUESTS", retryAfterInMs: 600_000 });
    expect(registry.callLines).toHaveLength(1);
  });

  test("a call that stays without an answer is a TransportError with the system's code", async () => {
    const registry = openRegistry(() => {
      throw connectionError("ECONNREFUSED", "connect ECONNREFUSED 10.0.0.1:443");
    });
    const error = await failureOf(list(registry), TransportError);
    expect(error).toMatchObject({
      code: "ECONNREFUSED",
      operation: "listTagProperties",
      repository: "app",
      name: "TransportError",
    });
    expect(error.message).toBe(
      "listTagProperties of app at registry.example.azurecr.io failed: connect ECONNREFUSED 10.0.0.1:443. " +
        "Nothing listens there: check the endpoint and its port, and that the registry is running.",
    );
    expect(error.cause).toBeInstanceOf(RestError);
    expect(registry.callLines).toHaveLength(4);
  });

  test("a certificate that is not trusted is told with what to do, after one try", async () => {
    const registry = openRegistry(() => {
      throw connectionError("DEPTH_ZERO_SELF_SIGNED_CERT");
    });
    const error = await failureOf(list(registry), TransportError);
    expect(error.hint).toMatch(/NODE_EXTRA_CA_CERTS/);
    expect(registry.callLines).toHaveLength(1);
  });

  test("an abort ends a pause", async () => {
    const controller = new AbortController();
    const registry = openRegistry(() => {
      setImmediate(() => controller.abort());
      return refusal(429, "TOOMANYREQUESTS", "too many requests", { headers: { "retry-after": "200" } });
    });
    await abortOf(list(registry, { abortSignal: controller.signal }));
    expect(registry.callLines).toHaveLength(1);
  });

  test("an abort while an attempt runs is not taken for a failure", async () => {
    const controller = new AbortController();
    const registry = openRegistry(() => {
      controller.abort();
      throw connectionError();
    });
    await abortOf(list(registry, { abortSignal: controller.signal }));
    expect(registry.callLines).toHaveLength(1);
  });

  test("a chunk and the commit of an upload are sent once in each session", async () => {
    for (const failing of ["PATCH", "PUT"]) {
      const registry = openRegistry(({ method }) => {
        if (method === failing) return refusal(429, "TOOMANYREQUESTS", "too many requests");
        if (method === "HEAD" || method === "GET") return { status: 404 };
        return { status: 202, headers: { location: "/v2/app/blobs/uploads/uuid" } };
      });
      await failureOf(clientOf(registry).uploadBlob("app", "hello", { chunkSizeInBytes: 4 }), ThrottledError);
      const times = (wanted: string) => registry.calls.filter(({ method }) => method === wanted).length;
      // The first, and as many as there are retries.
      expect([times("POST"), times(failing)]).toEqual([4, 4]);
    }
  });

  test("a delete that is repeated and finds nothing has succeeded", async () => {
    const registry = openRegistry(
      inOrder(connectionError(), refusal(404, "TAG_UNKNOWN", "the specified tag does not exist")),
    );
    await clientOf(registry).deleteTag("app", "v1");
    expect(registry.callLines).toHaveLength(2);
  });

  test("errors that stay are of the kind that fits", async () => {
    await failureOf(list(openRegistry(() => refusal(500, "UNKNOWN", "unknown error"))), RegistryError);
    await failureOf(list(openRegistry(() => refusal(403, "DENIED", "firewall"))), AccessDeniedError);
  });
});
