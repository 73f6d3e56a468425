import { Readable } from "node:stream";
import { InvalidInputError } from "@acrkit/oci";
import { describe, expect, test } from "vitest";
import { ClientAuthenticationError, RegistryError, UnexpectedResponseError } from "../errors/registry-error.ts";
import type { ContainerRegistryClient, RegistryCredential } from "../index.ts";
import { acrRegistry, HOST, unsignedJwt } from "../testing/acr-registry.ts";
import { clientOf, FakeEntraCredential, failureOf } from "../testing/client.ts";
import { refusal, type ScriptedAnswer, ScriptedRegistry, type SeenRequest } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";

failOnUnhandled();

/** A host of which nothing is known beforehand. */
const ENDPOINT = "https://registry.example";
const ELSEWHERE = "https://evil.example";
const SECRETS = /pa55word|refresh-token|entra-token|dXNlcjpwYTU1d29yZA/;

const CREDENTIALS: readonly [string, () => RegistryCredential | undefined][] = [
  ["a password", () => ({ username: "user", password: "pa55word" })],
  ["a refresh token", () => ({ refreshToken: "refresh-token" })],
  ["an Entra credential", () => new FakeEntraCredential()],
  ["no credential", () => undefined],
];

const read = (client: ContainerRegistryClient) => client.getRepositoryProperties("team/app");
const challenging = (header: string): ScriptedAnswer =>
  refusal(401, "UNAUTHORIZED", "log in", { headers: { "www-authenticate": header } });

/** Everything that was sent to a place other than the registry, as text. */
function sentElsewhere(registry: ScriptedRegistry, origin = ENDPOINT): string[] {
  const strangers = registry.seen.filter(({ url }) => url.origin !== origin);
  return strangers.map(({ url, headers, body }) => `${url} ${JSON.stringify(headers)} ${Buffer.from(body)}`);
}

describe.each(CREDENTIALS)("with %s", (_, credential) => {
  const isAnonymous = credential() === undefined;

  test.each([
    ["on http", "http://registry.example/token"],
    ["of another host", `${ELSEWHERE}/token`],
    ["of another port", "https://registry.example:8443/token"],
    ["of a host with the registry's name in front", "https://registry.example.evil.example/token"],
    ["with the registry for a user", "https://registry.example@evil.example/token"],
    ["of a host in another script", "https://registry.ex\u0430mple/token"],
    ["that is a script", "javascript:alert(1)"],
    ["that is a file", "file:///etc/passwd"],
    ["that is data", "data:application/json,{}"],
  ])("a realm %s gets no secret", async (_kind, realm) => {
    const registry = new ScriptedRegistry(({ url }) =>
      url.origin === ENDPOINT
        ? challenging(`Bearer realm="${realm}",service="x",scope="repository:team/app:metadata_read"`)
        : { status: 200, body: { token: "given-elsewhere" } },
    );
    const client = clientOf(registry, { endpoint: ENDPOINT, credential: credential() });
    await failureOf(read(client), Error);
    for (const text of sentElsewhere(registry)) expect(text).not.toMatch(SECRETS);
    if (!isAnonymous) expect(sentElsewhere(registry)).toEqual([]);
    for (const { headers } of registry.calls) expect(headers.authorization ?? "").not.toMatch(SECRETS);
  });

  test.each([301, 302, 303, 307, 308])(
    "a token service that redirects with %i gets no secret carried on",
    async (status) => {
      const registry = new ScriptedRegistry(({ url }) => {
        if (url.origin !== ENDPOINT)
          return { status: 200, body: { access_token: "given-elsewhere", refresh_token: "r" } };
        if (url.pathname.startsWith("/oauth2/"))
          return { status, headers: { location: `${ELSEWHERE}${url.pathname}${url.search}` } };
        return challenging(`Bearer realm="${ENDPOINT}/oauth2/token",service="registry.example"`);
      });
      const client = clientOf(registry, { endpoint: ENDPOINT, credential: credential() });
      const error = await failureOf(read(client), UnexpectedResponseError);
      expect(error.code).toBe("INVALID_REDIRECT");
      expect(error.message).toContain(ELSEWHERE);
      for (const text of sentElsewhere(registry)) expect(text).not.toMatch(SECRETS);
      // What another origin gave is not taken for a token.
      for (const { headers } of registry.seen) expect(headers.authorization ?? "").not.toContain("given-elsewhere");
    },
  );

  test("a browser is told not to follow such redirects by itself, and is believed when it has met one", async () => {
    const overrides: unknown[] = [];
    const registry = new ScriptedRegistry(({ url, request }) => {
      if (url.pathname.startsWith("/oauth2/")) {
        overrides.push(request.requestOverrides);
        return { status: 0 };
      }
      return challenging(`Bearer realm="${ENDPOINT}/oauth2/token",service="registry.example"`);
    });
    const client = clientOf(registry, { endpoint: ENDPOINT, credential: credential() });
    const error = await failureOf(read(client), UnexpectedResponseError);
    expect(error.code).toBe("INVALID_REDIRECT");
    expect(overrides).toEqual([{ redirect: "manual" }]);
  });

  test("whoever the registry's base address redirects to has no say in how to log in", async () => {
    const registry = new ScriptedRegistry(({ url }) => {
      if (url.origin === ELSEWHERE) return challenging('Basic realm="the registry would like your password"');
      if (url.pathname === "/v2/") return { status: 307, headers: { location: `${ELSEWHERE}/v2/` } };
      return { status: 404, body: "" };
    });
    await failureOf(read(clientOf(registry, { endpoint: ENDPOINT, credential: credential() })), RegistryError);
    for (const { headers, body } of registry.seen) {
      expect(`${JSON.stringify(headers)} ${Buffer.from(body)}`).not.toMatch(SECRETS);
    }
  });

  test.each([
    ["host", "https://evil.example/v2/x"],
    ["port", "https://registry.example:8443/v2/x"],
    ["scheme", "http://registry.example/v2/x"],
  ])("a redirect to another %s carries no token", async (_kind, location) => {
    const registry = new ScriptedRegistry(({ url, headers }) => {
      if (url.origin !== ENDPOINT) return { status: 200, body: "content" };
      if (url.pathname === "/oauth2/exchange") return { status: 200, body: { refresh_token: "refresh-token" } };
      if (url.pathname === "/oauth2/token") return { status: 200, body: { access_token: "acce55-token" } };
      if (headers.authorization === undefined) return challenging(`Bearer realm="${ENDPOINT}/oauth2/token"`);
      return { status: 307, headers: { location } };
    });
    const client = clientOf(registry, { endpoint: ENDPOINT, credential: credential() });
    await failureOf(client.getManifest("team/app", "v1"), Error);
    for (const text of sentElsewhere(registry)) expect(text).not.toMatch(/authorization|acce55-token/i);
  });
});

test("a base address whose redirect a browser did not follow says nothing: the request's own challenge does", async () => {
  const registry = new ScriptedRegistry(({ url, headers }) => {
    if (url.pathname === "/v2/") return { status: 0 };
    return headers.authorization === undefined ? challenging('Basic realm="x"') : { status: 404, body: "" };
  });
  const credential = { username: "user", password: "pa55word" };
  await failureOf(read(clientOf(registry, { endpoint: ENDPOINT, credential })), RegistryError);
  expect(registry.callLines).toHaveLength(2);
});

describe("a stray challenge, of whatever stands in between,", () => {
  /** ACR, but for one call that gets this answer. */
  const straying = (at: number, stray: ScriptedAnswer) =>
    acrRegistry((_, index) => (index === at ? stray : { status: 404, body: "" }));
  const callsOf = async (registry: ScriptedRegistry, calls: number) => {
    const client = clientOf(registry, { credential: new FakeEntraCredential() });
    const errors: RegistryError[] = [];
    for (let call = 0; call < calls; call++) errors.push(await failureOf(read(client), RegistryError));
    return errors.map(({ statusCode, code }) => statusCode ?? code);
  };

  test("that names another token service does not stay with the client", async () => {
    const registry = straying(1, challenging(`Bearer realm="${ELSEWHERE}/token"`));
    expect(await callsOf(registry, 4)).toEqual([404, "UNAUTHORIZED", 404, 404]);
  });

  test("that names other scopes does not either: what the registry asks for afterwards counts", async () => {
    const scope = "repository:other:pull";
    const registry = straying(
      0,
      challenging(`Bearer realm="https://${HOST}/oauth2/token",service="${HOST}",scope="${scope}"`),
    );
    expect(await callsOf(registry, 5)).toEqual([401, 404, 404, 404, 404]);
    expect(registry.lines.slice(-3)).toEqual(Array(3).fill("GET /acr/v1/team/app"));
  });

  test("leaves no answer open when it cannot be met", async () => {
    const body = new Readable({ read() {} });
    const registry = acrRegistry((_, index) =>
      index === 0
        ? { status: 404, body: "" }
        : { status: 401, headers: { "www-authenticate": `Bearer realm="${ELSEWHERE}/token"` }, body },
    );
    const client = clientOf(registry, { credential: new FakeEntraCredential() });
    const download = () => client.downloadBlob("team/app", `sha256:${"a".repeat(64)}`);
    await failureOf(download(), RegistryError);
    await failureOf(download(), ClientAuthenticationError);
    expect(body.destroyed).toBe(true);
  });
});

test("a base address that once named a stranger's token service is asked anew", async () => {
  let asked = 0;
  const registry = new ScriptedRegistry(({ url }) => {
    if (url.pathname === "/token") return { status: 200, body: { token: "opaque" } };
    if (url.pathname !== "/v2/") return { status: 404, body: "" };
    return challenging(`Bearer realm="${asked++ === 0 ? ELSEWHERE : ENDPOINT}/token",service="x"`);
  });
  const client = clientOf(registry, { endpoint: ENDPOINT, credential: { username: "user", password: "pa55word" } });
  expect((await failureOf(read(client), ClientAuthenticationError)).code).toBe("UNAUTHORIZED");
  expect((await failureOf(read(client), RegistryError)).statusCode).toBe(404);
});

test("an Entra token does not go to a host before that says that its tokens are its own", async () => {
  const entra = new FakeEntraCredential();
  const registry = new ScriptedRegistry(() => challenging(`Bearer realm="${ELSEWHERE}/token"`));
  await failureOf(read(clientOf(registry, { endpoint: ENDPOINT, credential: entra })), ClientAuthenticationError);
  expect(entra.asked).toEqual([]);
  expect(registry.lines).toEqual(["GET /v2/"]);
});

test("nor to one whose own token service is not ACR's", async () => {
  const entra = new FakeEntraCredential();
  const registry = new ScriptedRegistry(() => challenging(`Bearer realm="${ENDPOINT}/token",service="x"`));
  const error = await failureOf(
    read(clientOf(registry, { endpoint: ENDPOINT, credential: entra })),
    ClientAuthenticationError,
  );
  expect(error.message).toContain("takes no tokens of Entra ID");
  expect(entra.asked).toEqual([]);
});

describe("a challenge", () => {
  const asked = (registry: ScriptedRegistry) =>
    registry.seen
      .filter(({ url }) => url.pathname === "/token")
      .map(({ url }) => ({ service: url.searchParams.get("service"), scope: url.searchParams.getAll("scope") }));
  const challengedBy = (header: string) =>
    new ScriptedRegistry(({ url }) => {
      if (url.pathname === "/token") return { status: 200, body: { token: "opaque" } };
      return challenging(header);
    });
  const PREDICTED = "repository:team/app:metadata_read";

  test.each([
    ["two in one header, Basic first", `Basic realm="a", Bearer realm="${ENDPOINT}/token",service="s"`],
    ["two in one header, Basic last", `Bearer realm="${ENDPOINT}/token",service="s", Basic realm="a"`],
    [
      "two of Bearer, of which the first counts",
      `Bearer realm="${ENDPOINT}/token",service="s", Bearer realm="${ELSEWHERE}/token"`,
    ],
    [
      "a parameter that comes twice, of which the first counts",
      `Bearer realm="${ENDPOINT}/token",service="s",realm="${ELSEWHERE}/token"`,
    ],
    ["another scheme in front", `Negotiate abc==, Bearer realm="${ENDPOINT}/token",service="s"`],
    [
      "a comma and an equals sign in a value",
      `Bearer realm="${ENDPOINT}/token",service="s",error_description="a=b, Basic realm=x"`,
    ],
  ])("of %s is read as what it is", async (_, header) => {
    const registry = challengedBy(header);
    const credential = { username: "user", password: "pa55word" };
    await failureOf(read(clientOf(registry, { endpoint: ENDPOINT, credential })), ClientAuthenticationError);
    expect(asked(registry)[0]).toEqual({ service: "s", scope: [PREDICTED] });
    expect(sentElsewhere(registry)).toEqual([]);
    const calls = registry.calls.filter(({ url }) => url.pathname !== "/token");
    for (const { headers } of calls) expect(headers.authorization).toBe("Bearer opaque");
  });

  test.each([
    ["a realm of 100 KB", `Bearer realm="${ENDPOINT}/token?${"a".repeat(100_000)}"`],
    ["100 KB without an end", `Bearer realm="${"a".repeat(100_000)}`],
    ["100 KB of backslashes", `Bearer realm="${"\\".repeat(100_000)}`],
    ["100 KB of blanks", `Bearer ${" ".repeat(100_000)}x`],
    ["100 KB of a word and blanks", `Bearer ${`a${" ".repeat(50)}`.repeat(2_000)}`],
    ["100 KB of equals signs", `Bearer ${"=".repeat(100_000)}`],
    ["50,000 commas", `Bearer ${",".repeat(50_000)}`],
    ["50,000 schemes", "a, ".repeat(50_000)],
    ["10,000 parameters", `Bearer realm=x,${Array.from({ length: 10_000 }, (_, index) => `p${index}="v"`).join()}`],
    ["names of an object's own", 'Bearer __proto__="x",constructor="y",toString="z"'],
    ["a realm that is no address", 'Bearer realm="https://["'],
    ["characters that are none", "Bearer realm=\u0000\u0001\u007f"],
  ])("of %s ends the call, and sends nothing elsewhere", async (_, header) => {
    const registry = challengedBy(header);
    const credential = { username: "user", password: "pa55word" };
    await failureOf(read(clientOf(registry, { endpoint: ENDPOINT, credential })), ClientAuthenticationError);
    expect(registry.seen.length).toBeLessThanOrEqual(3);
    expect(sentElsewhere(registry)).toEqual([]);
  });

  test.each([
    // Azure Core drops line breaks from headers that it is given.
    ["line breaks", "repository:a\r\nx:y:pull", "repository:ax:y:pull"],
    ["a quote", 'repository:a\\"b:pull', 'repository:a"b:pull'],
    ["what means something in a URL", "repository:a&service=evil#x:pull", "repository:a&service=evil#x:pull"],
    ["letters of another script", "repository:\u00e4\u0431:pull", "repository:\u00e4\u0431:pull"],
  ])("whose scope holds %s cannot leave its place in the request", async (_, scope, expected) => {
    const registry = challengedBy(`Bearer realm="${ENDPOINT}/token",service="s\r\nx: y",scope="${scope}"`);
    const error = await failureOf(read(clientOf(registry, { endpoint: ENDPOINT })), ClientAuthenticationError);
    const requests = registry.seen.filter(({ url }) => url.pathname === "/token");
    const last = requests.at(-1) as SeenRequest;
    expect(last.url.searchParams.getAll("scope").join(" ")).toBe(expected);
    expect([...last.url.searchParams.keys()].filter((name) => name === "service")).toHaveLength(1);
    expect(last.request.url).toMatch(/^[\x21-\x7e]+$/);
    // Nor reach a terminal through the error.
    expect(error.message).not.toMatch(/[^\x20-\x7e]/);
  });

  test("of hundreds of scopes is not asked for", async () => {
    const scopes = Array.from({ length: 200 }, (_, index) => `repository:r${index}:*`).join(" ");
    const registry = challengedBy(`Bearer realm="${ENDPOINT}/token",scope="${scopes}"`);
    await failureOf(read(clientOf(registry, { endpoint: ENDPOINT })), ClientAuthenticationError);
    for (const { scope } of asked(registry)) expect(scope).toEqual([PREDICTED]);
  });
});

describe("a token", () => {
  const giving = (answer: ScriptedAnswer) =>
    new ScriptedRegistry(({ url }) =>
      url.pathname.startsWith("/oauth2/")
        ? answer
        : challenging(`Bearer realm="https://${HOST}/oauth2/token",service="${HOST}",error="insufficient_scope"`),
    );

  test.each([
    ["100 KB of it", "a".repeat(100_000)],
    ["claims that are no JSON", "e30.bm90anNvbg.x"],
    ["claims that are a list", `e30.${btoa("[]")}.x`],
    ["claims that are null", `e30.${btoa("null")}.x`],
    ["claims of another kind than they should be", unsignedJwt({ exp: "soon", iat: {}, access: "all" })],
    [
      "access of another kind than it should be",
      unsignedJwt({ access: [null, 5, "a", {}, { type: 1 }, { type: "a", name: "b", actions: [1] }] }),
    ],
    ["a life beyond all numbers", unsignedJwt({ iat: -1e308, exp: 1e308 })],
    ["a life that is over", unsignedJwt({ iat: 5, exp: 1 })],
    ["claims a thousand deep", `e30.${btoa(`${"[".repeat(1_000)}${"]".repeat(1_000)}`)}.x`],
  ])("of %s does no harm", async (_, value) => {
    const registry = giving({ status: 200, body: { access_token: value } });
    const error = await failureOf(read(clientOf(registry)), RegistryError);
    expect(error.message.length).toBeLessThan(2_000);
    expect(error.message).not.toContain(value);
  });

  test.each([-1, 0, 1e308, "300", null, {}])("that expires in %j seconds does no harm", async (expires_in) => {
    const registry = giving({ status: 200, body: { token: "opaque", expires_in } });
    await failureOf(read(clientOf(registry)), RegistryError);
    expect(registry.seen.length).toBeLessThanOrEqual(3);
  });
});

test.each([
  "team/app\r\nx: y",
  "team/app\n",
  'team/"app"',
  "team/app pull",
  "team/\u00e4pp",
  "team/app:pull,push",
  "team/../catalog",
  "Team/app",
  "*",
  "",
])("a repository's name %j does not get into a scope or a header", async (name) => {
  const registry = acrRegistry(() => ({ status: 200 }));
  await failureOf(clientOf(registry).getRepositoryProperties(name), InvalidInputError);
  expect(registry.lines).toEqual([]);
});

describe("a refusal that cannot be met says", () => {
  const REPOSITORY = "team/app";
  const refusing = (access: unknown, error: string) =>
    new ScriptedRegistry(({ url }) => {
      if (url.pathname === "/oauth2/exchange") return { status: 200, body: { refresh_token: "r" } };
      if (url.pathname === "/oauth2/token") return { status: 200, body: { access_token: unsignedJwt({ access }) } };
      return challenging(
        `Bearer realm="https://${HOST}/oauth2/token",service="${HOST}",scope="repository:${REPOSITORY}:delete"${error}`,
      );
    });
  const refused = (registry: ScriptedRegistry, credential?: RegistryCredential) =>
    failureOf(clientOf(registry, { credential }).deleteTag(REPOSITORY, "v1"), ClientAuthenticationError);

  test("what was asked for, what was given, and what to do", async () => {
    const access = [{ type: "repository", name: REPOSITORY, actions: ["pull"] }];
    const error = await refused(refusing(access, ',error="insufficient_scope"'), new FakeEntraCredential());
    expect(error.hint).toMatch(/asked for repository:team\/app:delete and given repository:team\/app:pull/);
    expect(error.hint).toMatch(/AcrDelete.*Container Registry Repository/);
  });

  test("that nothing was given", async () => {
    const error = await refused(refusing([], ',error="insufficient_scope"'), new FakeEntraCredential());
    expect(error.hint).toContain("and given nothing");
  });

  test("that there was no credential", async () => {
    const access = [{ Type: "repository", Name: "*", Actions: ["pull"] }];
    const error = await refused(refusing(access, ',error="insufficient_scope"'));
    expect(error.hint).toMatch(/No credential was given.*given repository:\*:pull/);
  });

  test("that a fresh token was not taken, and that the clocks differ where they do", async () => {
    const registry = refusing([], ',error="invalid_token"');
    const error = await refused(registry, new FakeEntraCredential());
    expect(error.hint).toMatch(/refuses a token that it has just given/);
    expect(error.hint).not.toContain("clock");
    const late = new ScriptedRegistry(async (request) => {
      const { status, headers, readableStreamBody } = await registry.sendRequest(request.request);
      const date = new Date(Date.now() + 3_600_000).toUTCString();
      const body = readableStreamBody as NonNullable<ScriptedAnswer["body"]>;
      return { status, headers: { ...headers.toJSON(), date }, body };
    });
    expect((await refused(late, new FakeEntraCredential())).hint).toMatch(/clock is (59|60) minutes behind/);
  });

  test("nothing that a terminal would take for a command, and no more than fits", async () => {
    const access = [{ type: "repository", name: `\u001b[31m${"a".repeat(10_000)}`, actions: ["pull"] }];
    const error = await refused(refusing(access, ',error="insufficient_scope"'), new FakeEntraCredential());
    expect(error.message).not.toContain("\u001b");
    expect(error.message.length).toBeLessThan(2_000);
  });
});
