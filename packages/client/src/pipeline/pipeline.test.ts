import { inspect } from "node:util";
import type { PipelinePolicy } from "@azure/core-rest-pipeline";
import { describe, expect, test } from "vitest";
import { RegistryError } from "../errors/registry-error.ts";
import { acrRegistry, claimsOf, HOST } from "../testing/acr-registry.ts";
import { clientOf, FakeEntraCredential, failureOf } from "../testing/client.ts";
import { HELLO, HELLO_DIGEST } from "../testing/content.ts";
import { recordLogs } from "../testing/logs.ts";
import {
  connectionError,
  inOrder,
  openRegistry,
  refusal,
  type ScriptedAnswer,
  ScriptedRegistry,
} from "../testing/scripted-registry.ts";
import { recordSpans } from "../testing/spans.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import { VERSION } from "../version.ts";

failOnUnhandled();

const REPOSITORY = {
  registry: HOST,
  imageName: "app",
  createdTime: "2023-02-28T18:36:40.4540615Z",
  lastUpdateTime: "2023-02-28T18:36:40.4540615Z",
  manifestCount: 1,
  tagCount: 1,
};
const ok: ScriptedAnswer = { status: 200, body: REPOSITORY };

describe("a request", () => {
  test("carries one client request id through challenge, retry and redirect, and each call its own", async () => {
    const revoked = new Set<string>();
    const registry = acrRegistry(
      inOrder(
        { status: 200, body: HELLO },
        refusal(503, "UNAVAILABLE", "later"),
        { status: 307, headers: { location: "/v2/app/blobs/sha256:moved" } },
        { status: 200, body: HELLO },
      ),
      { isRevoked: (token) => revoked.has(token) },
    );
    // The redirect's target is not an operation that the scripted registry knows.
    const withTarget = new ScriptedRegistry(async (request) => {
      if (request.url.pathname.endsWith("moved")) return { status: 200, body: HELLO };
      const { status, headers, readableStreamBody } = await registry.sendRequest(request.request);
      return { status, headers: headers.toJSON(), body: readableStreamBody as never };
    });
    const client = clientOf(withTarget);
    await (await client.downloadBlob("app", HELLO_DIGEST)).bytes();
    revoked.add(withTarget.calls[0]?.headers.authorization?.replace("Bearer ", "") ?? "");
    await (await client.downloadBlob("app", HELLO_DIGEST)).bytes();
    const ids = withTarget.calls.map(({ headers }) => headers["x-ms-client-request-id"]);
    expect(withTarget.calls.map(({ url }) => url.pathname.split(":").at(-1)?.slice(0, 5))).toEqual([
      "2cf24",
      "2cf24",
      "2cf24",
      "2cf24",
      "moved",
    ]);
    expect(new Set(ids.slice(1)).size).toBe(1);
    expect(ids[1]).toMatch(/^[0-9a-f-]{36}$/);
    expect(ids[0]).not.toBe(ids[1]);
  });

  test("says who sends it", async () => {
    const registry = openRegistry(() => ok);
    await clientOf(registry).getRepositoryProperties("app");
    await clientOf(registry, { userAgentOptions: { userAgentPrefix: "deploy/2.0" } }).getRepositoryProperties("app");
    const agents = registry.calls.map(({ headers }) => headers["user-agent"]);
    expect(agents[0]).toMatch(new RegExp(`^acrkit-client/${VERSION.replaceAll(".", "\\.")} core-rest-pipeline/`));
    expect(agents[1]).toMatch(new RegExp(`^deploy/2\\.0 acrkit-client/${VERSION.replaceAll(".", "\\.")} `));
  });

  test("carries the caller's headers, which win", async () => {
    const registry = openRegistry(() => ok);
    const customHeaders = { "x-meta-source-client": "pipeline", accept: "application/vnd.other+json" };
    await clientOf(registry).getRepositoryProperties("app", { requestOptions: { customHeaders } });
    expect(registry.calls[0]?.headers).toMatchObject(customHeaders);
  });

  test("shows its answer to onResponse, whatever the status", async () => {
    const statuses: number[] = [];
    const onResponse = ({ status }: { status: number }) => void statuses.push(status);
    const registry = openRegistry(inOrder(ok, refusal(404, "NAME_UNKNOWN", "no")));
    await clientOf(registry).getRepositoryProperties("app", { onResponse });
    await failureOf(clientOf(registry).getRepositoryProperties("app", { onResponse }), RegistryError);
    expect(statuses).toEqual([200, 404]);
  });
});

describe("the application's own policies", () => {
  const marking = (name: string, seen: string[]): PipelinePolicy => ({
    name,
    async sendRequest(request, next) {
      const path = new URL(request.url).pathname;
      seen.push(`${name} ${path}`);
      request.headers.set(`x-${name}`, "1");
      const response = await next(request);
      seen.push(`${name} ${path} ${response.status}`);
      return response;
    },
  });

  test("run once a call outside the retry, and once an attempt inside", async () => {
    const seen: string[] = [];
    const registry = openRegistry(inOrder(refusal(503, "UNAVAILABLE", "later"), ok));
    await clientOf(registry, {
      additionalPolicies: [
        { policy: marking("outer", seen), position: "perCall" },
        { policy: marking("inner", seen), position: "perRetry" },
      ],
    }).getRepositoryProperties("app");
    // The question how to log in goes the same way, in between.
    expect(seen.filter((line) => line.includes("/acr/v1/app"))).toEqual([
      "outer /acr/v1/app",
      "inner /acr/v1/app",
      "inner /acr/v1/app 503",
      "inner /acr/v1/app",
      "inner /acr/v1/app 200",
      "outer /acr/v1/app 200",
    ]);
    expect(registry.calls[1]?.headers).toMatchObject({ "x-outer": "1", "x-inner": "1" });
  });

  test("can be added to a client that exists", async () => {
    const seen: string[] = [];
    const registry = openRegistry(() => ok);
    const client = clientOf(registry);
    client.pipeline.addPolicy(marking("added", seen));
    await client.getRepositoryProperties("app");
    expect(seen).toEqual(["added /acr/v1/app", "added /acr/v1/app 200"]);
  });

  test("that fail fail the call as they are", async () => {
    const policy: PipelinePolicy = {
      name: "broken",
      sendRequest: () => Promise.reject(new RangeError("broken")),
    };
    const client = clientOf(
      openRegistry(() => ok),
      { additionalPolicies: [{ policy, position: "perRetry" }] },
    );
    await failureOf(client.getRepositoryProperties("app"), RangeError);
  });
});

describe("nothing secret", () => {
  const STORE = "https://store.example";
  const PASSWORD = "pa55-word";
  const ENTRA = "entra-t0ken";
  const SIGNATURE = "s1gnature";
  const STATE = "st4te";
  const REFRESH = "r3fresh";

  /** Every secret that a session has seen, the access tokens that were given out among them. */
  const secretsOf = (registry: ScriptedRegistry) => {
    const tokens = registry.seen.flatMap(({ headers }) => headers.authorization?.split(" ").slice(1) ?? []);
    const refresh = registry.seen.flatMap(({ body }) =>
      new URLSearchParams(Buffer.from(body).toString()).getAll("refresh_token"),
    );
    expect(tokens.length).toBeGreaterThan(0);
    return [
      PASSWORD,
      ENTRA,
      SIGNATURE,
      STATE,
      REFRESH,
      "s3cret-pfx",
      "pr0xy-pass",
      btoa(`user:${PASSWORD}`),
      ...tokens,
      ...refresh,
    ].filter((secret) => secret !== "");
  };

  const sessionRegistry = () => {
    const inner = acrRegistry(({ method, url }) => {
      if (url.pathname.includes("/manifests/"))
        return refusal(404, "MANIFEST_UNKNOWN", "manifest unknown", {
          headers: { location: `${STORE}/?sig=${SIGNATURE}` },
        });
      if (method === "GET") return { status: 307, headers: { location: `${STORE}/data?se=2026&sig=${SIGNATURE}` } };
      if (method === "PUT")
        return refusal(400, "DIGEST_INVALID", "no", {
          headers: { location: `/v2/app/blobs/uploads/uuid?_state=${STATE}` },
        });
      if (method === "DELETE") return { status: 204 };
      return { status: 202, headers: { location: `/v2/app/blobs/uploads/uuid?_nouploadcache=false&_state=${STATE}` } };
    });
    let atStore = 0;
    return new ScriptedRegistry(async (request) => {
      if (request.url.origin !== STORE) {
        const { status, headers, readableStreamBody } = await inner.sendRequest(request.request);
        return { status, headers: headers.toJSON(), body: readableStreamBody as never };
      }
      // The store answers, drops, refuses: each has its own way into errors and logs.
      atStore++;
      if (atStore === 1) return { status: 200, body: HELLO };
      if (atStore === 2) throw connectionError("ECONNRESET");
      if (atStore === 3)
        return {
          status: 403,
          body: "<Error><Code>AuthenticationFailed</Code></Error>",
          headers: { "x-ms-request-id": "id" },
        };
      throw connectionError("ECONNREFUSED");
    });
  };

  test.each([
    ["a password", { username: "user", password: PASSWORD }],
    ["Entra ID", new FakeEntraCredential(ENTRA)],
    ["a refresh token", { refreshToken: REFRESH }],
  ])("of a session with %s gets into a log or an error", async (_, credential) => {
    const logs = recordLogs();
    const registry = sessionRegistry();
    const client = clientOf(registry, {
      credential,
      tlsOptions: { passphrase: "s3cret-pfx" },
      proxyOptions: { host: "http://proxy.example", port: 8080, username: "proxy", password: "pr0xy-pass" },
    });
    await (await client.downloadBlob("app", HELLO_DIGEST)).bytes();
    const errors: unknown[] = [];
    const calls = [
      async () => client.downloadBlob("app", HELLO_DIGEST),
      async () => client.downloadBlob("app", HELLO_DIGEST),
      async () => client.getManifest("app", "v1"),
      async () => client.uploadBlob("app", HELLO),
      async () => client.uploadBlob("app", HELLO, { chunkSizeInBytes: 2 }),
    ];
    for (const call of calls) await call().catch((error) => errors.push(error));
    expect(errors.length).toBeGreaterThanOrEqual(4);
    expect(logs.length).toBeGreaterThan(20);
    expect(logs.join("\n")).toContain("/v2/app/blobs/uploads/uuid");

    const shown = [
      ...logs,
      ...errors.flatMap((error) => [
        String(error),
        (error as Error).message,
        (error as Error).stack,
        JSON.stringify(error),
        inspect(error, { depth: 20 }),
        inspect(error, { depth: 20, showHidden: true }),
        inspect({ nested: { error } }, { depth: 20 }),
      ]),
    ].join("\n");
    for (const secret of secretsOf(registry)) expect(shown).not.toContain(secret);
  });

  test("of a login that is refused gets into the error", async () => {
    for (const credential of [
      { username: "user", password: PASSWORD },
      new FakeEntraCredential(ENTRA),
      { refreshToken: REFRESH },
    ]) {
      const registry = acrRegistry(() => ok, {
        login: ({ url }) => (url.pathname === "/v2/" ? undefined : refusal(401, "UNAUTHORIZED", "no")),
      });
      const error = await failureOf(clientOf(registry, { credential }).getRepositoryProperties("app"), RegistryError);
      const shown = [error.stack, JSON.stringify(error), inspect(error, { depth: 20, showHidden: true })].join("\n");
      for (const secret of [PASSWORD, ENTRA, REFRESH, btoa(`user:${PASSWORD}`)]) expect(shown).not.toContain(secret);
      expect(error.request?.headers.get("authorization")).toBeUndefined();
      expect(error.request?.body).toBeUndefined();
    }
  });

  test("of an error can be reached through it and its causes", async () => {
    const registry = sessionRegistry();
    const client = clientOf(registry, { credential: { username: "user", password: PASSWORD } });
    await (await client.downloadBlob("app", HELLO_DIGEST)).bytes();
    const seen: unknown[] = [];
    for (let call = 0; call < 2; call++)
      await client.downloadBlob("app", HELLO_DIGEST).catch((error) => seen.push(error));
    for (
      let error = seen.at(-1) as RegistryError | undefined;
      error !== undefined;
      error = error.cause as RegistryError | undefined
    ) {
      expect(error.request?.headers?.get("authorization")).toBeUndefined();
      expect(error.request?.url ?? "").not.toContain(SIGNATURE);
      expect(error.response?.headers?.get("location") ?? "").not.toContain(SIGNATURE);
    }
  });
});

describe("spans", () => {
  const spans = recordSpans();

  test("are one for the method, and one for each attempt within it", async () => {
    spans.length = 0;
    const registry = openRegistry(inOrder(refusal(503, "UNAVAILABLE", "later"), ok));
    await clientOf(registry, { endpoint: "https://registry.example" }).getRepositoryProperties("app");
    expect(spans.map(({ name, parent }) => [name, parent])).toEqual([
      ["ContainerRegistryClient.getRepositoryProperties", undefined],
      ["HTTP GET", undefined],
      ["HTTP GET", "ContainerRegistryClient.getRepositoryProperties"],
      ["HTTP GET", "ContainerRegistryClient.getRepositoryProperties"],
    ]);
    expect(spans.map(({ attributes }) => attributes["http.status_code"])).toEqual([undefined, 200, 503, 200]);
    expect(spans.every(({ isEnded }) => isEnded)).toBe(true);
    expect(spans[0]?.status).toBe("success");
    expect(registry.calls[0]?.headers.traceparent).toBe("00-trace-span-01");
  });

  test("of a call that fails say so", async () => {
    spans.length = 0;
    await failureOf(
      clientOf(openRegistry(() => refusal(404, "TAG_UNKNOWN", "no"))).getTagProperties("app", "v1"),
      RegistryError,
    );
    expect(spans[0]).toMatchObject({
      name: "ContainerRegistryClient.getTagProperties",
      status: "error",
      isEnded: true,
    });
  });

  test("carry nothing secret", async () => {
    spans.length = 0;
    const registry = acrRegistry(({ method }) =>
      method === "PUT"
        ? { status: 201 }
        : { status: 202, headers: { location: "/v2/app/blobs/uploads/uuid?_state=st4te" } },
    );
    await clientOf(registry, { credential: { username: "user", password: "pa55-word" } }).uploadBlob("app", HELLO);
    expect(spans.length).toBeGreaterThan(3);
    expect(JSON.stringify(spans)).not.toMatch(/st4te|pa55|Bearer|Basic/);
    expect(claimsOf(registry.calls[0]?.headers.authorization?.split(" ")[1] ?? "").scope).toContain("app");
  });

  const ANSWERS: Record<string, ScriptedAnswer> = {
    GET: ok,
    HEAD: { status: 200 },
    PATCH: ok,
    DELETE: { status: 202, body: {} },
    POST: { status: 201 },
    PUT: { status: 201 },
  };
  test.each([
    ["listRepositoryNames", (c) => c.listRepositoryNames().next()],
    ["getRepositoryProperties", (c) => c.getRepositoryProperties("app")],
    ["updateRepositoryProperties", (c) => c.updateRepositoryProperties("app", {})],
    ["deleteRepository", (c) => c.deleteRepository("app")],
    ["listManifestProperties", (c) => c.listManifestProperties("app").next()],
    ["getManifestProperties", (c) => c.getManifestProperties("app", HELLO_DIGEST)],
    ["updateManifestProperties", (c) => c.updateManifestProperties("app", HELLO_DIGEST, {})],
    ["listTagProperties", (c) => c.listTagProperties("app").next()],
    ["getTagProperties", (c) => c.getTagProperties("app", "v1")],
    ["updateTagProperties", (c) => c.updateTagProperties("app", "v1", {})],
    ["deleteTag", (c) => c.deleteTag("app", "v1")],
    ["setManifest", (c) => c.setManifest("app", '{"schemaVersion":2,"manifests":[]}')],
    ["getManifest", (c) => c.getManifest("app", "v1")],
    ["deleteManifest", (c) => c.deleteManifest("app", HELLO_DIGEST)],
    ["uploadBlob", (c) => c.uploadBlob("app", HELLO)],
    ["downloadBlob", (c) => c.downloadBlob("app", HELLO_DIGEST)],
    ["deleteBlob", (c) => c.deleteBlob("app", HELLO_DIGEST)],
    ["blobExists", (c) => c.blobExists("app", HELLO_DIGEST)],
    ["mountBlob", (c) => c.mountBlob("app", HELLO_DIGEST, "base")],
  ] as [string, (client: ReturnType<typeof clientOf>) => Promise<unknown>][])(
    "of %s have its name",
    async (method, call) => {
      spans.length = 0;
      await call(clientOf(openRegistry((request) => ANSWERS[request.method] ?? ok))).catch(() => {});
      expect(spans.filter(({ name }) => name.startsWith("ContainerRegistryClient.")).map(({ name }) => name)).toEqual([
        `ContainerRegistryClient.${method}`,
      ]);
      expect(
        spans.some(({ name, parent }) => name.startsWith("HTTP ") && parent === `ContainerRegistryClient.${method}`),
      ).toBe(true);
    },
  );
});
