import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import {
  AccessDeniedError,
  ResourceNotFoundError,
  TransportError,
  UnexpectedResponseError,
} from "../errors/registry-error.ts";
import { ORIGIN } from "../testing/acr-registry.ts";
import { clientOf, failureOf } from "../testing/client.ts";
import { HELLO, HELLO_DIGEST } from "../testing/content.ts";
import { recordLogs } from "../testing/logs.ts";
import { connectionError, inOrder, openRegistry, refusal, type ScriptedAnswer } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";

failOnUnhandled();

const STORE = "https://store.example";
const to = (location: string, status = 307): ScriptedAnswer => ({
  status,
  headers: { location },
  body: "<a>Temporary Redirect</a>",
});
const blob: ScriptedAnswer = { status: 200, body: HELLO };
const download = async (registry: ReturnType<typeof openRegistry>, customHeaders: Record<string, string> = {}) =>
  (await clientOf(registry).downloadBlob("app", HELLO_DIGEST, { requestOptions: { customHeaders } })).bytes();

test.each([301, 302, 303, 307, 308])("status %i is followed", async (status) => {
  const registry = openRegistry(inOrder(to(`${STORE}//a/data?se=2023-05-11T20%3A19%3A17Z&sig=a%2Bb%3D`, status), blob));
  await download(registry);
  expect(registry.calls[1]?.url.href).toBe(`${STORE}//a/data?se=2023-05-11T20%3A19%3A17Z&sig=a%2Bb%3D`);
  expect(registry.calls[1]?.method).toBe("GET");
});

test("a relative location is the registry's own", async () => {
  const registry = openRegistry(inOrder(to("/data?x=1"), blob));
  await download(registry);
  expect(registry.calls[1]?.url.href).toBe(`${ORIGIN}/data?x=1`);
});

test("another origin gets nothing that could be a credential, the same origin does", async () => {
  const secrets = { cookie: "session=1", "x-gateway-key": "key" };
  const registry = openRegistry(inOrder(to("/moved"), to(`${STORE}/data`), blob));
  await download(registry, secrets);
  expect(registry.calls[1]?.headers).toMatchObject(secrets);
  for (const name of Object.keys(secrets)) expect(registry.calls[2]?.headers).not.toHaveProperty(name);
});

test("the range of a resumed download and the client's request id go along", async () => {
  const registry = openRegistry(inOrder(to(`${STORE}/data`), blob));
  await download(registry, { range: "bytes=0-" });
  expect(registry.calls[1]?.headers).toMatchObject({ range: "bytes=0-", "accept-encoding": "identity" });
  expect(registry.calls[1]?.headers["x-ms-client-request-id"]).toBe(
    registry.calls[0]?.headers["x-ms-client-request-id"],
  );
});

test("from https to http is not followed", async () => {
  const registry = openRegistry(inOrder(to("http://store.example/data")));
  const error = await failureOf(download(registry), UnexpectedResponseError);
  expect(error.code).toBe("INVALID_REDIRECT");
  expect(registry.calls).toHaveLength(1);
});

test.each(["https://[", "ftp://store.example/data", "file:///etc/passwd", "data:text/plain,hello"])(
  "to %s is not followed",
  async (location) => {
    const registry = openRegistry(inOrder(to(location)));
    await failureOf(download(registry), UnexpectedResponseError);
    expect(registry.calls).toHaveLength(1);
  },
);

test("a loop ends after five", async () => {
  const registry = openRegistry(() => to(`${STORE}/data?sig=secret`));
  const error = await failureOf(download(registry), UnexpectedResponseError);
  expect(error.code).toBe("TOO_MANY_REDIRECTS");
  expect(error.message).not.toContain("secret");
  expect(registry.calls).toHaveLength(6);
});

test("a redirect that does not say where is an answer like any other", async () => {
  const registry = openRegistry(inOrder({ status: 307 }));
  await expect(download(registry)).rejects.toMatchObject({ statusCode: 307 });
});

test("what changes something is never sent elsewhere", async () => {
  const registry = openRegistry(() => to(`${STORE}/elsewhere`));
  const client = clientOf(registry);
  await expect(client.deleteTag("app", "v1")).rejects.toMatchObject({ statusCode: 307 });
  await expect(client.updateTagProperties("app", "v1", {})).rejects.toMatchObject({ statusCode: 307 });
  await expect(client.uploadBlob("app", "hello")).rejects.toMatchObject({ statusCode: 307 });
  expect(registry.calls.every(({ url }) => url.origin === ORIGIN)).toBe(true);
});

describe("a retry", () => {
  test("starts at the registry, which signs the store's address anew", async () => {
    const registry = openRegistry(
      inOrder(
        to(`${STORE}/data?sig=1`),
        refusal(503, "ServerBusy", "busy"),
        to(`${STORE}/data?sig=2`),
        connectionError(),
        to(`${STORE}/data?sig=3`),
        blob,
      ),
    );
    await download(registry);
    expect(registry.calls.map(({ url }) => url.host + url.search)).toEqual([
      "registry.example.azurecr.io",
      "store.example?sig=1",
      "registry.example.azurecr.io",
      "store.example?sig=2",
      "registry.example.azurecr.io",
      "store.example?sig=3",
    ]);
  });

  test("is given up like any other, without the signed address in the error", async () => {
    const registry = openRegistry(({ url }) => {
      if (url.origin === STORE) throw connectionError("ECONNRESET");
      return to(`${STORE}/data?sig=secret`);
    });
    const error = await failureOf(download(registry), TransportError);
    expect(error.message).not.toContain("secret");
    expect(registry.calls).toHaveLength(8);
  });
});

describe("a signed address that is refused", () => {
  const expired: ScriptedAnswer = {
    status: 403,
    headers: { "x-ms-error-code": "AuthenticationFailed" },
    body: "<Error><Code>AuthenticationFailed</Code></Error>",
  };
  const hosts = (registry: ReturnType<typeof openRegistry>) => registry.calls.map(({ url }) => url.host + url.search);

  test.each([
    ["403", { status: 403 }],
    ["401", { status: 401, headers: { "www-authenticate": 'Bearer realm="https://store.example/token"' } }],
    ["404 of Azure's storage", { ...expired, status: 404 }],
  ] as [string, ScriptedAnswer][])("with %s is fetched anew through the registry", async (_, refusal) => {
    const registry = openRegistry(inOrder(to(`${STORE}/data?sig=1`), refusal, to(`${STORE}/data?sig=2`), blob));
    await download(registry);
    expect(hosts(registry)).toEqual([
      "registry.example.azurecr.io",
      "store.example?sig=1",
      "registry.example.azurecr.io",
      "store.example?sig=2",
    ]);
    for (const { url, headers } of registry.calls) {
      if (url.origin === STORE) expect(headers).not.toHaveProperty("authorization");
    }
  });

  test.each([401, 403])("with %i again is told, with what it may be", async (status) => {
    const registry = openRegistry(({ url }) =>
      url.origin === STORE ? { ...expired, status } : to(`${STORE}/data?sig=secret`),
    );
    const error = await failureOf(download(registry), AccessDeniedError);
    expect(registry.calls).toHaveLength(4);
    expect(error.statusCode).toBe(status);
    expect(error.hint).toMatch(/store\.example.*clock.*firewall/);
    expect(error.message).not.toContain("secret");
  });

  test("that is not there is a blob that is not there, and not asked for again", async () => {
    const registry = openRegistry(inOrder(to(`${STORE}/data`), { status: 404 }));
    await failureOf(download(registry), ResourceNotFoundError);
  });

  test("by the registry itself is not asked for again", async () => {
    const registry = openRegistry(inOrder({ status: 403 }));
    const error = await failureOf(download(registry), AccessDeniedError);
    expect(error.hint ?? "").not.toContain("clock");
  });
});

describe("a blob that is resumed", () => {
  const drop = (): ScriptedAnswer => ({
    status: 200,
    headers: { "content-length": String(HELLO.byteLength) },
    body: Readable.from(
      (async function* () {
        yield HELLO.subarray(0, 2);
        throw connectionError("ECONNRESET", "aborted");
      })(),
    ),
  });
  const rest: ScriptedAnswer = { status: 206, headers: { "content-range": "bytes 2-4/5" }, body: HELLO.subarray(2) };
  const hosts = (registry: ReturnType<typeof openRegistry>) => registry.calls.map(({ url }) => url.host + url.search);

  test("goes straight to where it came from, without what may be a credential", async () => {
    const registry = openRegistry(inOrder(to(`${STORE}/data?sig=1`), drop(), rest));
    await download(registry, { cookie: "session=1" });
    expect(hosts(registry)).toEqual(["registry.example.azurecr.io", "store.example?sig=1", "store.example?sig=1"]);
    expect(registry.calls[2]?.headers).toMatchObject({ range: "bytes=2-" });
    expect(registry.calls[2]?.headers).not.toHaveProperty("cookie");
    expect(registry.calls[2]?.headers).not.toHaveProperty("authorization");
  });

  test.each([
    ["is refused", () => ({ status: 403 })],
    ["is not there", () => ({ status: 404 })],
    ["is of no use", () => ({ status: 400 })],
  ] as [string, () => ScriptedAnswer][])("asks the registry when that address %s", async (_, answer) => {
    const registry = openRegistry(inOrder(to(`${STORE}/1`), drop(), answer(), to(`${STORE}/2`), rest));
    await download(registry);
    expect(registry.calls.map(({ url }) => url.pathname).slice(-3)).toEqual([
      "/1",
      registry.calls[0]?.url.pathname,
      "/2",
    ]);
  });

  test.each([429, 503])("waits before it asks the registry when that address answers %i", async (status) => {
    const busy = { status, headers: { "retry-after": "0" } };
    const registry = openRegistry(inOrder(to(`${STORE}/1`), drop(), busy, to(`${STORE}/2`), rest));
    const logs = recordLogs();
    await download(registry);
    expect(logs.join("\n")).toContain(`will be sent again in 0 ms (retry 1 of 3): status ${status}`);
  });

  test("asks the registry when that address does not answer", async () => {
    const registry = openRegistry(inOrder(to(`${STORE}/1`), drop(), connectionError(), to(`${STORE}/2`), rest));
    await download(registry);
    expect(registry.calls.map(({ url }) => url.pathname).slice(-2)).toEqual([registry.calls[0]?.url.pathname, "/2"]);
  });
});

test("another blob is asked for at the registry", async () => {
  const registry = openRegistry(inOrder(to(`${STORE}/1`), blob, to(`${STORE}/2`), blob));
  const client = clientOf(registry);
  for (let count = 0; count < 2; count++) await (await client.downloadBlob("app", HELLO_DIGEST)).bytes();
  expect(registry.calls.map(({ url }) => url.origin)).toEqual([ORIGIN, STORE, ORIGIN, STORE]);
});
