import { describe, expect, test } from "vitest";
import { TransportError, UnexpectedResponseError } from "../errors/registry-error.ts";
import { ORIGIN } from "../testing/acr-registry.ts";
import { clientOf, failureOf } from "../testing/client.ts";
import { HELLO, HELLO_DIGEST } from "../testing/content.ts";
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
