import { InvalidInputError, repositoryScope } from "@acrkit/oci";
import { describe, expect, test } from "vitest";
import { ClientAuthenticationError } from "../errors/registry-error.ts";
import type { ContainerRegistryClient, CredentialRequest, RegistryCredential } from "../index.ts";
import { acrRegistry, HOST, unsignedJwt } from "../testing/acr-registry.ts";
import { abortOf, clientOf, FakeEntraCredential, failureOf } from "../testing/client.ts";
import { refusal, type ScriptedAnswer, ScriptedRegistry } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import { CredentialChain } from "./credential-chain.ts";
import { type ClientCredential, CredentialSource } from "./credential-source.ts";

failOnUnhandled();

const REPOSITORY = {
  registry: HOST,
  imageName: "team/app",
  createdTime: "2023-02-28T18:36:40.4540615Z",
  lastUpdateTime: "2023-03-02T23:15:59.7262601Z",
  manifestCount: 1,
  tagCount: 1,
};
const answer = (): ScriptedAnswer => ({ status: 200, body: REPOSITORY });
const read = (client: ContainerRegistryClient, name = "team/app") => client.getRepositoryProperties(name);

/** A function that keeps what it was asked. */
function recording(give: (request: CredentialRequest) => RegistryCredential | undefined) {
  const asked: CredentialRequest[] = [];
  const credential = async (request: CredentialRequest) => {
    asked.push(request);
    return give(request);
  };
  return { asked, credential };
}

describe("a credential function", () => {
  test("is told the registry, the repositories, the scopes and the audience", async () => {
    const { asked, credential } = recording(() => new FakeEntraCredential());
    await clientOf(
      acrRegistry(() => ({ status: 201 })),
      { credential },
    ).mountBlob("team/app", `sha256:${"a".repeat(64)}`, "base");
    expect(asked).toEqual([
      {
        registry: HOST,
        repositories: ["base", "team/app"],
        scopes: expect.arrayContaining(["repository:base:pull", "repository:team/app:pull,push"]),
        audience: "https://containerregistry.azure.net",
        abortSignal: expect.any(AbortSignal),
      },
    ]);
  });

  test("is asked once for each set of repositories, however many calls there are", async () => {
    const entra = new FakeEntraCredential();
    const { asked, credential } = recording(() => entra);
    const registry = acrRegistry(answer);
    const client = clientOf(registry, { credential });
    await Promise.all(Array.from({ length: 40 }, (_, index) => read(client, `app${index % 4}`)));
    await client.deleteTag("app0", "v1").catch(() => {});
    expect(asked.map(({ repositories }) => repositories.join()).sort()).toEqual(["app0", "app1", "app2", "app3"]);
    // One identity: one exchange.
    expect(registry.lines.filter((line) => line === "POST /oauth2/exchange")).toHaveLength(1);
  });

  test("can give each repository its own, whose tokens do not mix", async () => {
    const { credential } = recording(({ repositories }) => ({ username: repositories.join(), password: "password" }));
    const registry = acrRegistry(answer);
    const client = clientOf(registry, { credential });
    await read(client, "one");
    await read(client, "two");
    const users = registry.seen
      .filter(({ url }) => url.pathname === "/oauth2/token")
      .map(({ headers }) => atob(headers.authorization?.replace("Basic ", "") ?? ""));
    expect(users).toEqual(["one:password", "two:password"]);
  });

  test("that has nothing leaves the client anonymous", async () => {
    const registry = acrRegistry(answer);
    await read(clientOf(registry, { credential: () => undefined }));
    expect(registry.lines).toEqual(["POST /oauth2/token", "GET /acr/v1/team/app"]);
  });

  test("is asked anew when its answer is refused, and the new one is used", async () => {
    const passwords = ["old", "new"];
    const { asked, credential } = recording(() => ({ username: "user", password: passwords.shift() ?? "none" }));
    const registry = acrRegistry(answer, {
      login: ({ headers }) =>
        headers.authorization === `Basic ${btoa("user:old")}` ? refusal(401, "UNAUTHORIZED", "wrong") : undefined,
    });
    await read(clientOf(registry, { credential }));
    expect(asked).toHaveLength(2);
  });

  test("whose new answer is the same ends with the refusal", async () => {
    const { asked, credential } = recording(() => ({ username: "user", password: "wrong-password" }));
    const registry = acrRegistry(answer, { login: () => refusal(401, "UNAUTHORIZED", "wrong") });
    const error = await failureOf(read(clientOf(registry, { credential })), ClientAuthenticationError);
    expect(error.message).not.toContain("wrong-password");
    expect(asked).toHaveLength(2);
  });

  test("is asked about what its answer is not enough for, once: pulling may be for everyone, and pushing for somebody", async () => {
    const { asked, credential } = recording(({ scopes }) =>
      scopes.some((scope) => scope.endsWith(":delete")) ? { username: "user", password: "password" } : undefined,
    );
    const registry = acrRegistry(({ method }) => (method === "DELETE" ? { status: 202 } : answer()), {
      login: ({ headers }) =>
        headers.authorization === undefined
          ? { status: 200, body: { access_token: unsignedJwt({ scope: "repository:*:metadata_read,pull" }) } }
          : undefined,
    });
    const client = clientOf(registry, { credential });
    await read(client);
    await client.deleteTag("team/app", "v1");
    await read(client);
    await client.deleteTag("team/app", "v1");
    expect(asked.map(({ scopes }) => scopes.join())).toEqual([
      "repository:team/app:metadata_read",
      "repository:team/app:delete",
    ]);
  });

  test("is not asked again and again about what its answer is never enough for", async () => {
    const { asked, credential } = recording(() => new FakeEntraCredential());
    const registry = acrRegistry(answer, { grants: [repositoryScope("team/app", ["metadata_read"])] });
    const client = clientOf(registry, { credential });
    await read(client);
    for (let call = 0; call < 3; call++) await failureOf(client.deleteTag("team/app", "v1"), ClientAuthenticationError);
    expect(asked).toHaveLength(2);
  });

  test("is asked anew at a registry with Basic as well", async () => {
    const passwords = ["old", "new"];
    const { credential } = recording(() => ({ username: "user", password: passwords.shift() ?? "none" }));
    const registry = new ScriptedRegistry(({ headers }) =>
      headers.authorization === `Basic ${btoa("user:new")}`
        ? answer()
        : refusal(401, "UNAUTHORIZED", "who?", { headers: { "www-authenticate": 'Basic realm="x"' } }),
    );
    await read(clientOf(registry, { endpoint: "https://registry.example", credential }));
    expect(registry.callLines).toHaveLength(2);
  });

  test.each([
    ["null", null],
    ["a text", "s3cret"],
    ["a number", 5],
    ["an empty object", {}],
    ["a function", () => ({ username: "u", password: "s3cret" })],
    ["a password that ends in a line break", { username: "u", password: "s3cret\n" }],
    ["a refresh token with a header in it", { refreshToken: "s3cret\r\nx: y" }],
  ])("that gives %s fails by name, without a request", async (_, value) => {
    const registry = acrRegistry(answer);
    const credential = (() => value) as unknown as ClientCredential;
    const error = await failureOf(read(clientOf(registry, { credential })), InvalidInputError);
    expect(error.message).toContain("answer of the credential function");
    expect(error.message).not.toContain("s3cret");
    expect(registry.lines).toEqual([]);
  });

  test.each([
    [
      "throws",
      () => {
        throw new RangeError("vault is sealed");
      },
    ],
    [
      "rejects",
      async () => {
        throw new RangeError("vault is sealed");
      },
    ],
  ])("that %s fails the call with its own error, and the next call asks again", async (_, credential) => {
    const client = clientOf(acrRegistry(answer), { credential });
    await failureOf(read(client), RangeError);
    await failureOf(read(client), RangeError);
  });

  test("that hangs ends with the abort of all who wait, and does not take the next caller with it", async () => {
    let isHanging = true;
    let seen: AbortSignal | undefined;
    const registry = acrRegistry(answer);
    const client = clientOf(registry, {
      credential: ({ abortSignal }) => {
        seen = abortSignal;
        return isHanging ? new Promise(() => {}) : undefined;
      },
    });
    const controllers = [new AbortController(), new AbortController()];
    const calls = controllers.map(({ signal }) => client.getRepositoryProperties("team/app", { abortSignal: signal }));
    while (seen === undefined) await new Promise(setImmediate);
    controllers[0]?.abort();
    await abortOf(calls[0] as Promise<unknown>);
    expect(seen.aborted).toBe(false);
    controllers[1]?.abort();
    await abortOf(calls[1] as Promise<unknown>);
    expect(seen.aborted).toBe(true);
    isHanging = false;
    await read(client);
  });
});

test("an Entra credential that hangs and heeds no signal ends with the abort", async () => {
  let isAsked = false;
  const credential = {
    getToken: () => {
      isAsked = true;
      return new Promise<null>(() => {});
    },
  };
  const controller = new AbortController();
  const call = clientOf(acrRegistry(answer), { credential }).getRepositoryProperties("team/app", {
    abortSignal: controller.signal,
  });
  while (!isAsked) await new Promise(setImmediate);
  controller.abort();
  await abortOf(call);
});

test.each([
  ["a line break", "entra\ntoken"],
  ["a header", "entra\r\nx: y"],
  ["nothing", ""],
  ["no text", 5],
])("an Entra token of %s is not sent, and not shown", async (_, token) => {
  const registry = acrRegistry(answer);
  const credential = new FakeEntraCredential(token as string);
  const error = await failureOf(read(clientOf(registry, { credential })), ClientAuthenticationError);
  expect(error.code).toBe("CREDENTIAL_FAILED");
  expect(error.message).not.toMatch(/x: y|entra\s/);
  expect(registry.lines).toEqual([]);
});

test("errors name the link of a chain whose credential is refused", async () => {
  const registry = acrRegistry(answer, { login: () => refusal(401, "UNAUTHORIZED", "no") });
  const chain = new CredentialChain([{ name: "vault", credential: { username: "u", password: "p" } }]);
  const error = await failureOf(read(clientOf(registry, { credential: chain })), ClientAuthenticationError);
  expect(error.hint).toContain('link "vault"');
});

describe("an answer", () => {
  const PULL = [repositoryScope("app", ["pull"])];
  const sourceOf = (credential: ClientCredential) => {
    const clock = { now: 0 };
    const source = new CredentialSource({ credential, registry: HOST, audience: "a", now: () => clock.now });
    return { source, clock };
  };

  test("holds as long as the first token that was had with it, whatever comes after", async () => {
    const { asked, credential } = recording(() => ({ username: "u", password: "p" }));
    const { source, clock } = sourceOf(credential);
    await source.resolve(PULL, undefined);
    source.settle(PULL, 1_000_000);
    source.settle([repositoryScope("app", ["push"])], 9_000_000);
    clock.now = 999_999;
    await source.resolve([repositoryScope("app", ["push"])], undefined);
    expect(asked).toHaveLength(1);
    clock.now = 1_000_000;
    await source.resolve(PULL, undefined);
    expect(asked).toHaveLength(2);
  });

  test("holds for five minutes where there are no tokens", async () => {
    const { asked, credential } = recording(() => ({ username: "u", password: "p" }));
    const { source, clock } = sourceOf(credential);
    await source.resolve(PULL, undefined);
    clock.now = 5 * 60_000 - 1;
    await source.resolve(PULL, undefined);
    expect(asked).toHaveLength(1);
    clock.now += 1;
    await source.resolve(PULL, undefined);
    expect(asked).toHaveLength(2);
  });
});

describe("anonymousFirst", () => {
  const credential = { refreshToken: unsignedJwt({ grant_type: "refresh_token" }) };
  const lineCounts = (registry: ScriptedRegistry) => ({
    anonymous: registry.seen.filter(({ body }) => Buffer.from(body).toString().includes("grant_type=password")).length,
    login: registry.seen.filter(({ body }) => Buffer.from(body).toString().includes("grant_type=refresh_token")).length,
    calls: registry.calls.length,
  });

  test("does not log in where it is not asked to", async () => {
    const registry = acrRegistry(answer);
    await read(clientOf(registry, { credential, anonymousFirst: true }));
    expect(lineCounts(registry)).toEqual({ anonymous: 1, login: 0, calls: 1 });
  });

  test("logs in when a call is refused, and remembers that for its scopes", async () => {
    let isFirst = true;
    const registry = acrRegistry(answer, {
      isRevoked: () => {
        const refused = isFirst;
        isFirst = false;
        return refused;
      },
    });
    const client = clientOf(registry, { credential, anonymousFirst: true });
    await read(client);
    await read(client);
    expect(lineCounts(registry)).toEqual({ anonymous: 1, login: 1, calls: 2 });
  });

  test("tries once in all where nothing is given without a login", async () => {
    const registry = acrRegistry(answer, {
      login: ({ body }) =>
        Buffer.from(body).toString().includes("grant_type=password") ? refusal(401, "UNAUTHORIZED", "no") : undefined,
    });
    const client = clientOf(registry, { credential, anonymousFirst: true });
    await read(client, "one");
    await read(client, "two");
    expect(lineCounts(registry)).toEqual({ anonymous: 1, login: 2, calls: 2 });
  });

  test("keeps to it when a token has been revoked", async () => {
    let revoked = "none";
    const registry = acrRegistry(answer, {
      isRevoked: (token) => token === revoked,
      grants: [repositoryScope("team/app", ["metadata_read"])],
    });
    const client = clientOf(registry, { credential, anonymousFirst: true });
    await read(client);
    revoked = registry.calls[0]?.headers.authorization?.replace("Bearer ", "") ?? "none";
    await read(client);
    expect(lineCounts(registry)).toEqual({ anonymous: 2, login: 0, calls: 3 });
  });

  test("asks for a token without a login before one with it, where the registry said nothing beforehand", async () => {
    const sent: string[] = [];
    const registry = new ScriptedRegistry(({ url, headers }) => {
      if (url.pathname === "/v2/") return { status: 200 };
      if (url.pathname === "/token") {
        sent.push(headers.authorization === undefined ? "anonymous" : "login");
        return { status: 200, body: { token: sent.at(-1) } };
      }
      if (headers.authorization === "Bearer login") return answer();
      const header = 'Bearer realm="https://registry.example/token",service="x"';
      return refusal(401, "UNAUTHORIZED", "log in", { headers: { "www-authenticate": header } });
    });
    const basic = { username: "user", password: "password" };
    const endpoint = "https://registry.example";
    await read(clientOf(registry, { endpoint, credential: basic, anonymousFirst: true }));
    expect(sent).toEqual(["anonymous", "login"]);
  });

  test("goes on without a login where a function has none, for the scopes that the registry wants", async () => {
    const registry = new ScriptedRegistry(({ url, headers }) => {
      const header = 'Bearer realm="https://registry.example/token",service="x",scope="repository:team/app:pull"';
      if (url.pathname === "/token") return { status: 200, body: { token: url.searchParams.get("scope")?.slice(-4) } };
      if (headers.authorization === "Bearer pull") return answer();
      return refusal(401, "UNAUTHORIZED", "log in", { headers: { "www-authenticate": header } });
    });
    const endpoint = "https://registry.example";
    await read(clientOf(registry, { endpoint, credential: () => undefined, anonymousFirst: true }));
  });

  test("does not try what nobody may do without a login", async () => {
    const registry = acrRegistry(() => ({ status: 202 }));
    await clientOf(registry, { credential, anonymousFirst: true }).deleteTag("team/app", "v1");
    expect(lineCounts(registry)).toEqual({ anonymous: 0, login: 1, calls: 1 });
  });

  test("is not done unless it was asked for", async () => {
    const registry = acrRegistry(answer);
    await read(clientOf(registry, { credential }));
    expect(lineCounts(registry)).toEqual({ anonymous: 0, login: 1, calls: 1 });
  });
});
