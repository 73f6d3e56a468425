import { Readable } from "node:stream";
import { CATALOG_SCOPE, repositoryScope } from "@acrkit/oci";
import { createHttpHeaders, createPipelineRequest } from "@azure/core-rest-pipeline";
import { describe, expect, test, vi } from "vitest";
import {
  AccessDeniedError,
  ClientAuthenticationError,
  TransportError,
  UnexpectedResponseError,
} from "../errors/registry-error.ts";
import { type ContainerRegistryClient, LimitError } from "../index.ts";
import { attachContext, type CallContext } from "../pipeline/call-context.ts";
import { acrRegistry, challenge, claimsOf, HOST } from "../testing/acr-registry.ts";
import { clientOf, FakeEntraCredential, failureOf } from "../testing/client.ts";
import { HELLO, HELLO_DIGEST } from "../testing/content.ts";
import {
  openRegistry,
  refusal,
  type ScriptedAnswer,
  ScriptedRegistry,
  type SeenRequest,
} from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import type { Authenticator } from "./authenticator.ts";
import { authorizePolicy } from "./authorize-policy.ts";

failOnUnhandled();

const DIGEST = HELLO_DIGEST;
const REPOSITORY = {
  registry: HOST,
  imageName: "team/app",
  createdTime: "2023-02-28T18:36:40.4540615Z",
  lastUpdateTime: "2023-03-02T23:15:59.7262601Z",
  manifestCount: 13,
  tagCount: 7,
};
const answerRepository = (): ScriptedAnswer => ({ status: 200, body: REPOSITORY });
const entra = () => new FakeEntraCredential();

const getProperties = (client: ContainerRegistryClient) => client.getRepositoryProperties("team/app");
const scopesAsked = (registry: ScriptedRegistry) =>
  registry.seen
    .filter(({ url }) => url.pathname === "/oauth2/token")
    .map(
      ({ body, url }) =>
        new URLSearchParams(Buffer.from(body).toString()).get("scope") ?? url.searchParams.get("scope"),
    );

describe("the requests of a client", () => {
  test("when cold: exchange, token, request", async () => {
    const registry = acrRegistry(answerRepository);
    await getProperties(clientOf(registry, { credential: entra() }));
    expect(registry.lines).toEqual(["POST /oauth2/exchange", "POST /oauth2/token", "GET /acr/v1/team/app"]);
  });

  test("when warm: one", async () => {
    const registry = acrRegistry(answerRepository);
    const client = clientOf(registry, { credential: entra() });
    await getProperties(client);
    await getProperties(client);
    expect(registry.lines.slice(3)).toEqual(["GET /acr/v1/team/app"]);
  });

  test("for ten repositories, a hundred calls each, hardly exceed one a call", async () => {
    const registry = acrRegistry(({ url }) => ({ status: 200, body: { ...REPOSITORY, imageName: url.pathname } }));
    const client = clientOf(registry, { credential: entra() });
    const names = Array.from({ length: 10 }, (_, index) => `team/app${index}`);
    await Promise.all(
      names.map(async (name) => {
        for (let call = 0; call < 100; call++) await client.getRepositoryProperties(name);
      }),
    );
    expect(registry.calls).toHaveLength(1_000);
    expect(registry.seen.length / 1_000).toBeLessThanOrEqual(1.05);
  });
});

describe("the scope is predicted", () => {
  const accepted: ScriptedAnswer = { status: 202 };
  const location = { location: "/v2/team/app/blobs/uploads/uuid?_state=x" };
  const tag = {
    name: "v1",
    digest: DIGEST,
    createdTime: REPOSITORY.createdTime,
    lastUpdateTime: REPOSITORY.createdTime,
  };
  const manifest = { ...tag, imageSize: 5 };
  const common = { registry: HOST, imageName: "team/app" };
  const index = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [] };
  const read = "repository:team/app:metadata_read";
  const write = "repository:team/app:metadata_write";
  const gone = "repository:team/app:delete";
  const pull = "repository:team/app:pull";
  const push = "repository:team/app:pull,push";

  // Protocol 2.2.
  const CASES: [string, (client: ContainerRegistryClient) => Promise<unknown>, ScriptedAnswer, string][] = [
    [
      "listRepositoryNames",
      (c) => c.listRepositoryNames().next(),
      { status: 200, body: { repositories: [] } },
      "registry:catalog:*",
    ],
    ["getRepositoryProperties", getProperties, answerRepository(), read],
    [
      "listTagProperties",
      (c) => c.listTagProperties("team/app").next(),
      { status: 200, body: { ...common, tags: [] } },
      read,
    ],
    ["getTagProperties", (c) => c.getTagProperties("team/app", "v1"), { status: 200, body: { ...common, tag } }, read],
    [
      "listManifestProperties",
      (c) => c.listManifestProperties("team/app").next(),
      { status: 200, body: { ...common, manifests: [] } },
      read,
    ],
    [
      "getManifestProperties",
      (c) => c.getManifestProperties("team/app", DIGEST),
      { status: 200, body: { ...common, manifest } },
      read,
    ],
    ["updateRepositoryProperties", (c) => c.updateRepositoryProperties("team/app", {}), answerRepository(), write],
    [
      "updateTagProperties",
      (c) => c.updateTagProperties("team/app", "v1", {}),
      { status: 200, body: { ...common, tag } },
      write,
    ],
    [
      "updateManifestProperties",
      (c) => c.updateManifestProperties("team/app", DIGEST, {}),
      { status: 200, body: { ...common, manifest } },
      write,
    ],
    ["deleteRepository", (c) => c.deleteRepository("team/app"), { status: 202, body: { tagsDeleted: [] } }, gone],
    ["deleteTag", (c) => c.deleteTag("team/app", "v1"), accepted, gone],
    ["deleteManifest", (c) => c.deleteManifest("team/app", DIGEST), accepted, gone],
    ["deleteBlob", (c) => c.deleteBlob("team/app", DIGEST), accepted, gone],
    ["getManifest", (c) => c.getManifest("team/app", "v1"), { status: 200, body: index }, pull],
    [
      "downloadBlob",
      async (c) => (await c.downloadBlob("team/app", DIGEST)).bytes(),
      { status: 200, body: HELLO },
      pull,
    ],
    ["blobExists", (c) => c.blobExists("team/app", DIGEST), { status: 200 }, pull],
    ["setManifest", (c) => c.setManifest("team/app", index as never, { tag: "v1" }), { status: 201 }, push],
    ["mountBlob", (c) => c.mountBlob("team/app", DIGEST, "base"), { status: 201 }, `repository:base:pull ${push}`],
  ];

  test.each(CASES)("of %s", async (_, call, answer, scope) => {
    const body = answer.body === index ? { ...answer, headers: { "content-type": index.mediaType } } : answer;
    const registry = acrRegistry(() => body);
    await call(clientOf(registry, { credential: entra() }));
    expect(scopesAsked(registry).map((text) => text?.split(" ").sort().join(" "))).toEqual([scope]);
    expect(registry.calls).toHaveLength(1);
  });

  test("of every step of an upload, whose actions ACR names in any order", async () => {
    const registry = acrRegistry(({ method }) =>
      method === "PUT" ? { status: 201 } : { status: 202, headers: location },
    );
    await clientOf(registry, { credential: entra() }).uploadBlob("team/app", HELLO, { chunkSizeInBytes: 2 });
    expect(scopesAsked(registry)).toEqual([push]);
    expect(registry.calls.map(({ method }) => method)).toEqual(["POST", "PATCH", "PATCH", "PUT"]);
  });
});

describe("a 401 in answer to a token", () => {
  test("for a token that was revoked: a fresh one, and the call succeeds", async () => {
    const revoked = new Set<string>();
    const registry = acrRegistry(answerRepository, { isRevoked: (token) => revoked.has(token) });
    const client = clientOf(registry, { credential: entra() });
    await getProperties(client);
    revoked.add(registry.calls[0]?.headers.authorization?.replace("Bearer ", "") ?? "");
    await getProperties(client);
    expect(registry.lines.slice(3)).toEqual(["GET /acr/v1/team/app", "POST /oauth2/token", "GET /acr/v1/team/app"]);
  });

  test("for a permission that is missing: the call stops at once and says so", async () => {
    const registry = acrRegistry(answerRepository, { grants: [repositoryScope("*", ["pull"])] });
    const error = await failureOf(
      getProperties(clientOf(registry, { credential: entra() })),
      ClientAuthenticationError,
    );
    expect(registry.callLines).toEqual(["GET /acr/v1/team/app"]);
    expect(error).toMatchObject({
      statusCode: 401,
      code: "UNAUTHORIZED",
      operation: "getRepositoryProperties",
      repository: "team/app",
    });
    expect(error.hint).toMatch(/no permission for this.*AcrPull/);
    expect(error.message).toContain(error.hint);
  });

  test("for a permission that is missing, with a token from the cache: one more try, since it may have been granted", async () => {
    const registry = acrRegistry(answerRepository, { grants: [repositoryScope("*", ["pull"])] });
    const client = clientOf(registry, { credential: entra() });
    await failureOf(getProperties(client), ClientAuthenticationError);
    await failureOf(getProperties(client), ClientAuthenticationError);
    expect(registry.lines.slice(3)).toEqual(["GET /acr/v1/team/app", "POST /oauth2/token", "GET /acr/v1/team/app"]);
  });

  test("whatever it asks for, each call ends after two", async () => {
    let asked = 0;
    const registry = new ScriptedRegistry(({ url }) => {
      if (url.pathname === "/oauth2/exchange") return { status: 200, body: { refresh_token: "r" } };
      if (url.pathname === "/oauth2/token") return { status: 200, body: { access_token: `token-${asked}` } };
      return challenge(`repository:team/app:pull${asked++}`);
    });
    await failureOf(getProperties(clientOf(registry, { credential: entra() })), ClientAuthenticationError);
    expect(registry.callLines).toEqual(["GET /acr/v1/team/app", "GET /acr/v1/team/app"]);
  });

  test("without WWW-Authenticate: the error says that the registry did not say how to log in", async () => {
    const registry = openRegistry(() => ({ status: 401, body: "who are you?" }));
    const error = await failureOf(getProperties(clientOf(registry)), ClientAuthenticationError);
    expect(error.hint).toMatch(/no WWW-Authenticate/);
    expect(registry.callLines).toHaveLength(1);
  });

  test("of a request whose body cannot be sent again: no second try, and the token is not used again", async () => {
    const used = { header: "Bearer stale" };
    const forgotten: unknown[] = [];
    const authenticator = { authorize: async () => used, forget: (token: unknown) => forgotten.push(token) };
    const request = createPipelineRequest({ url: `https://${HOST}/v2/team/app/blobs/uploads/uuid`, method: "PATCH" });
    attachContext(request, { hasBodyAgain: false, scopes: [] } as unknown as CallContext);
    const refused = { request, status: 401, headers: createHttpHeaders({ "www-authenticate": "Bearer realm=x" }) };
    const next = vi.fn(async () => refused);
    const policy = authorizePolicy(authenticator as unknown as Authenticator, new URL(`https://${HOST}`));
    expect(await policy.sendRequest(request, next)).toBe(refused);
    expect(next).toHaveBeenCalledOnce();
    expect(forgotten).toEqual([used]);
  });
});

describe("the realm", () => {
  const FOREIGN = "https://auth.example";
  const foreign = `Bearer realm="${FOREIGN}/token",service="registry",scope="repository:team/app:metadata_read"`;
  const registryWithForeignRealm = () =>
    new ScriptedRegistry(({ url, headers }) => {
      if (url.origin === FOREIGN) return { status: 200, body: { token: "foreign-token", expires_in: 300 } };
      if (headers.authorization !== "Bearer foreign-token")
        return { status: 401, headers: { "www-authenticate": foreign } };
      return answerRepository();
    });

  test.each([
    ["a password", { username: "user", password: "password" }],
    ["a refresh token", { refreshToken: "refresh" }],
    ["an Entra credential", new FakeEntraCredential()],
  ])("of another origin is not sent %s", async (_, credential) => {
    const registry = registryWithForeignRealm();
    const error = await failureOf(
      getProperties(clientOf(registry, { endpoint: "https://registry.example", credential })),
      ClientAuthenticationError,
    );
    expect(error.message).toContain(FOREIGN);
    expect(error.message).toContain("trustedTokenOrigins");
    expect(registry.seen.every(({ url }) => url.host === "registry.example")).toBe(true);
    if (credential instanceof FakeEntraCredential) expect(credential.asked).toEqual([]);
  });

  test.each([FOREIGN, `${FOREIGN}/`, `${FOREIGN}:443`])(
    "of another origin is sent the password when its user trusts %s",
    async (origin) => {
      const registry = registryWithForeignRealm();
      const credential = { username: "user", password: "password" };
      await getProperties(clientOf(registry, { credential, trustedTokenOrigins: [origin] }));
      const token = registry.seen.find(({ url }) => url.origin === FOREIGN);
      expect(token?.method).toBe("GET");
      expect(token?.headers.authorization).toBe(`Basic ${btoa("user:password")}`);
    },
  );

  test("of another origin is asked anonymously, by GET, with nothing to lose", async () => {
    const registry = registryWithForeignRealm();
    await getProperties(clientOf(registry));
    const token = registry.seen.find(({ url }) => url.origin === FOREIGN);
    expect(token?.method).toBe("GET");
    expect(token?.headers.authorization).toBeUndefined();
    expect(token?.url.search).toBe("?service=registry&scope=repository%3Ateam%2Fapp%3Ametadata_read");
  });
});

describe("other ways to log in", () => {
  test("anonymous at ACR: the password grant with an empty refresh token", async () => {
    const registry = acrRegistry(answerRepository);
    await getProperties(clientOf(registry));
    expect(registry.lines).toEqual(["POST /oauth2/token", "GET /acr/v1/team/app"]);
    // Protocol 2.4; the order is free, but nothing else may be there.
    expect(Object.fromEntries(new URLSearchParams(Buffer.from(registry.seen[0]?.body ?? []).toString()))).toEqual({
      grant_type: "password",
      service: HOST,
      scope: "repository:team/app:metadata_read",
      refresh_token: "",
    });
  });

  test("user name and password: by GET with Basic, never in a URL", async () => {
    const registry = acrRegistry(answerRepository);
    await getProperties(clientOf(registry, { credential: { username: "user", password: "pass/word" } }));
    const token = registry.seen[0];
    expect(token?.method).toBe("GET");
    expect(token?.headers.authorization).toBe(`Basic ${btoa("user:pass/word")}`);
    for (const { url, headers } of registry.seen) {
      expect(decodeURIComponent(url.href)).not.toContain("pass/word");
      if (url.pathname !== "/oauth2/token") expect(headers.authorization ?? "Bearer ").toMatch(/^Bearer /);
    }
  });

  test("a refresh token that was handed over is used without an exchange", async () => {
    const registry = acrRegistry(answerRepository);
    await getProperties(clientOf(registry, { credential: { refreshToken: "handed-over" } }));
    expect(registry.lines).toEqual(["POST /oauth2/token", "GET /acr/v1/team/app"]);
    expect(new URLSearchParams(Buffer.from(registry.seen[0]?.body ?? []).toString()).get("refresh_token")).toBe(
      "handed-over",
    );
  });

  const endpoint = "https://registry.example";

  const basicRegistry = (password: string) =>
    new ScriptedRegistry(({ headers }) =>
      headers.authorization === `Basic ${btoa(`user:${password}`)}`
        ? answerRepository()
        : refusal(401, "UNAUTHORIZED", "who?", { headers: { "www-authenticate": 'Basic realm="registry"' } }),
    );

  test("a registry with Basic alone gets it with every request", async () => {
    const registry = basicRegistry("password");
    const client = clientOf(registry, { endpoint, credential: { username: "user", password: "password" } });
    await getProperties(client);
    await getProperties(client);
    expect(registry.lines).toEqual(["GET /v2/", "GET /acr/v1/team/app", "GET /acr/v1/team/app"]);
  });

  test("a wrong password at a Basic registry is refused once", async () => {
    const registry = basicRegistry("password");
    const client = clientOf(registry, { endpoint, credential: { username: "user", password: "wrong-password" } });
    const error = await failureOf(getProperties(client), ClientAuthenticationError);
    expect(error.message).not.toContain("wrong-password");
    expect(registry.callLines).toHaveLength(1);
  });

  test("a registry that asks for nothing gets nothing", async () => {
    const registry = openRegistry(answerRepository);
    await getProperties(clientOf(registry, { endpoint, credential: { username: "user", password: "password" } }));
    expect(registry.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });

  test("a registry that does not say beforehand is answered when it does", async () => {
    const registry = acrRegistry(answerRepository, {
      login: ({ url }) => (url.pathname === "/v2/" ? { status: 404 } : undefined),
    });
    await getProperties(clientOf(registry, { endpoint }));
    expect(registry.lines).toEqual([
      "GET /v2/",
      "GET /acr/v1/team/app",
      "GET /oauth2/token?service=registry.example.azurecr.io&scope=repository%3Ateam%2Fapp%3Ametadata_read",
      "GET /acr/v1/team/app",
    ]);
  });
});

describe("a token service that fails", () => {
  const failing = (path: string, answer: () => ScriptedAnswer | Promise<ScriptedAnswer>) =>
    acrRegistry(answerRepository, { login: ({ url }) => (url.pathname === path ? answer() : undefined) });

  test("an exchange that is refused ends in an error that says what to check", async () => {
    // Protocol 2.3: recorded answer to a wrong audience; it has no challenge.
    const registry = failing("/oauth2/exchange", () => refusal(401, "UNAUTHORIZED", "retrieving permissions failed"));
    const error = await failureOf(
      getProperties(clientOf(registry, { credential: entra() })),
      ClientAuthenticationError,
    );
    expect(error).toMatchObject({ statusCode: 401, code: "UNAUTHORIZED" });
    expect(error.message).toMatch(/login at registry\.example\.azurecr\.io.*retrieving permissions failed.*audience/);
    expect(registry.lines).toEqual(["POST /oauth2/exchange", "GET /v2/"]);
  });

  test("a refusal by status 400, as OAuth has it, is one of the credential", async () => {
    const registry = failing("/oauth2/token", () => ({ status: 400, body: { error: "invalid_grant" } }));
    const error = await failureOf(
      getProperties(clientOf(registry, { credential: { refreshToken: "r" } })),
      ClientAuthenticationError,
    );
    expect(error.statusCode).toBe(400);
  });

  test.each([
    ["is HTML", "<html></html>"],
    ["holds no token", {}],
    ["is null", "null"],
    ["is empty", ""],
    ["holds a token that is no text", { access_token: 5 }],
    ["holds an empty token", { access_token: "" }],
    ["holds a token that no header can carry", { access_token: "garbled \u00e4" }],
    ["holds a token with a line end", { access_token: "garbled\r\nx: y" }],
  ])("an answer that %s is unexpected", async (_, body) => {
    const registry = failing("/oauth2/token", () => ({ status: 200, body }));
    const error = await failureOf(getProperties(clientOf(registry)), UnexpectedResponseError);
    expect(error).toMatchObject({ code: "INVALID_TOKEN_ANSWER", operation: "login" });
    expect(error.message).toContain("/oauth2/token");
  });

  test("the wrong kind of token is a failed login", async () => {
    const registry = failing("/oauth2/token", () => ({ status: 200, body: { refresh_token: "r" } }));
    await failureOf(getProperties(clientOf(registry)), ClientAuthenticationError);
    const other = failing("/oauth2/exchange", () => ({ status: 200, body: { access_token: "a" } }));
    await failureOf(getProperties(clientOf(other, { credential: entra() })), ClientAuthenticationError);
  });

  test("an endless answer is cut off", async () => {
    let sent = 0;
    const endless = Readable.from(
      (function* () {
        // As good as endless.
        while (sent < 64 * 1024 * 1024) {
          sent += 65_536;
          yield Buffer.alloc(65_536, "a");
        }
      })(),
    );
    const registry = failing("/oauth2/token", () => ({ status: 200, body: endless }));
    await failureOf(getProperties(clientOf(registry)), LimitError);
    expect(endless.destroyed).toBe(true);
    expect(sent).toBeLessThan(4 * 1024 * 1024);
  });

  test.each([
    ["/v2/", "https://registry.example"],
    ["/oauth2/exchange", `https://${HOST}`],
    ["/oauth2/token", `https://${HOST}`],
  ])("%s never answering ends by the idle timeout", async (path, endpoint) => {
    const registry = failing(path, () => new Promise(() => {}));
    const client = clientOf(registry, {
      endpoint,
      credential: entra(),
      idleTimeoutInMs: 100,
      retryOptions: { maxRetries: 1, retryDelayInMs: 0 },
    });
    const error = await failureOf(getProperties(client), TransportError);
    expect(error.code).toBe("IDLE_TIMEOUT");
    expect(registry.lines.filter((line) => line.endsWith(path))).toHaveLength(2);
  });

  test("an answer that stops half-way ends by the idle timeout", async () => {
    const stalled = new Readable({ read() {} });
    stalled.push('{"access_token":');
    const registry = failing("/oauth2/token", () => ({ status: 200, body: stalled }));
    const error = await failureOf(getProperties(clientOf(registry, { idleTimeoutInMs: 100 })), TransportError);
    expect(error.code).toBe("IDLE_TIMEOUT");
    expect(stalled.destroyed).toBe(true);
  });

  test("that is throttled is asked again", async () => {
    let throttled = 0;
    const registry = acrRegistry(answerRepository, {
      login: ({ url }) =>
        url.pathname === "/oauth2/exchange" && throttled++ === 0
          ? refusal(429, "TOOMANYREQUESTS", "slow down")
          : undefined,
    });
    await getProperties(clientOf(registry, { credential: entra() }));
    expect(registry.lines.filter((line) => line === "POST /oauth2/exchange")).toHaveLength(2);
  });

  test("a credential's own error comes out as it is", async () => {
    class CredentialUnavailableError extends Error {}
    const credential = {
      getToken: async () => {
        throw new CredentialUnavailableError("not logged in");
      },
    };
    await failureOf(getProperties(clientOf(acrRegistry(answerRepository), { credential })), CredentialUnavailableError);
  });

  test("a credential that gives no token is a failed login", async () => {
    const credential = { getToken: async () => null };
    const error = await failureOf(
      getProperties(clientOf(acrRegistry(answerRepository), { credential })),
      ClientAuthenticationError,
    );
    expect(error.message).toMatch(/gave no token for https:\/\/containerregistry\.azure\.net/);
  });
});

describe("another origin", () => {
  const STORE = "https://store.example";
  const redirecting = (atStore: (request: SeenRequest) => ScriptedAnswer) => {
    const registry: ScriptedRegistry = acrRegistry(() => ({
      status: 307,
      headers: { location: `${STORE}/data?sig=secret` },
    }));
    const withStore = new ScriptedRegistry((request) =>
      request.url.origin === STORE
        ? atStore(request)
        : registry.sendRequest(request.request).then(({ status, headers, readableStreamBody }) => ({
            status,
            headers: headers.toJSON(),
            body: readableStreamBody as Readable,
          })),
    );
    return withStore;
  };

  test("that the registry redirects to gets no token", async () => {
    const registry = redirecting(() => ({ status: 200, body: HELLO }));
    const client = clientOf(registry, { credential: { username: "user", password: "password" } });
    await (await client.downloadBlob("team/app", DIGEST)).bytes();
    const atStore = registry.seen.filter(({ url }) => url.origin === STORE);
    expect(atStore).toHaveLength(1);
    expect(atStore[0]?.headers.authorization).toBeUndefined();
  });

  test("cannot change how the client logs in to the registry", async () => {
    const registry = redirecting(() => ({
      status: 401,
      headers: { "www-authenticate": 'Basic realm="give me your password"' },
    }));
    const client = clientOf(registry, { credential: { username: "user", password: "password" } });
    await failureOf(client.downloadBlob("team/app", DIGEST), AccessDeniedError);
    await failureOf(client.downloadBlob("team/app", DIGEST), AccessDeniedError);
    const atRegistry = registry.calls.filter(({ url }) => url.host === HOST);
    expect(new Set(atRegistry.map(({ headers }) => headers.authorization?.split(" ")[0]))).toEqual(new Set(["Bearer"]));
    expect(claimsOf(atRegistry[0]?.headers.authorization?.split(" ")[1] ?? "").scope).toBe("repository:team/app:pull");
  });
});

test("the catalog is listed with its own scope on every page", async () => {
  const registry = acrRegistry(({ url }) => ({
    status: 200,
    body: { repositories: [url.search] },
    ...(url.searchParams.has("last")
      ? {}
      : { headers: { link: '</acr/v1/_catalog?last=a&n=1&orderby=>; rel="next"' } }),
  }));
  const names = [];
  for await (const name of clientOf(registry).listRepositoryNames()) names.push(name);
  expect(names).toHaveLength(2);
  expect(scopesAsked(registry)).toEqual([`${CATALOG_SCOPE.type}:catalog:*`]);
});
