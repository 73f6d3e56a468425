import { CATALOG_SCOPE, repositoryScope, type Scope } from "@acrkit/oci";
import { describe, expect, test } from "vitest";
import { ClientAuthenticationError } from "../errors/registry-error.ts";
import { createRegistryPipeline } from "../pipeline/pipeline.ts";
import {
  ACCESS_TOKEN_SECONDS,
  type AcrOptions,
  acrRegistry,
  claimsOf,
  ORIGIN,
  REFRESH_TOKEN_SECONDS,
} from "../testing/acr-registry.ts";
import { abortOf, FakeEntraCredential } from "../testing/client.ts";
import { refusal, type ScriptedRegistry } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import { Authenticator } from "./authenticator.ts";
import { ClockSkew } from "./clock-skew.ts";
import { type ClientCredential, CredentialSource } from "./credential-source.ts";
import { type RegistryKind, RegistryScheme } from "./registry-scheme.ts";
import { TokenEndpoint } from "./token-endpoint.ts";
import { TokenFlow } from "./token-flow.ts";

failOnUnhandled();

const PULL = repositoryScope("team/app", ["pull"]);
const MINUTE = 60_000;
const START = 1_700_000_000_000;

/** An authenticator with a clock that the test moves; the registry keeps its own. */
function authenticatorOf(options: TestOptions = {}) {
  const clock = { now: START };
  const scripted = acrRegistry(() => refusal(500, "UNKNOWN", "no calls here"), { now: () => clock.now, ...options });
  const registry = new URL(ORIGIN);
  const now = () => clock.now + (options.clockOffsetMs ?? 0);
  const clockSkew = new ClockSkew();
  const endpoint = new TokenEndpoint({
    pipeline: createRegistryPipeline({ retryOptions: { retryDelayInMs: 0 } }),
    httpClient: scripted,
    registry,
    idleTimeoutInMs: 60_000,
    clockSkew,
  });
  const source = new CredentialSource({
    credential: "credential" in options ? options.credential : new FakeEntraCredential(),
    registry: registry.host,
    audience: "https://audience.example",
    now,
  });
  const authenticator = new Authenticator({
    registry,
    scheme: new RegistryScheme(registry, options.kind ?? "acr", endpoint),
    source,
    flow: new TokenFlow({ registry, endpoint, trustedTokenOrigins: [], clockSkew, now }),
    clockSkew,
    anonymousFirst: false,
    now,
  });
  const authorize = (scopes: readonly Scope[] = [PULL], signal?: AbortSignal) =>
    authenticator.authorize(scopes, signal);
  /** What a request without a token is answered with. */
  const answerFirst = async (header: string | undefined, scopes: readonly Scope[]) => {
    const who = await source.resolve(scopes, undefined);
    const used = { header: undefined, who, asked: scopes, fromCache: false, steps: [] };
    return authenticator.answerChallenge(header, scopes, used, undefined);
  };
  return { authenticator, authorize, answerFirst, registry: scripted, clock };
}

interface TestOptions extends AcrOptions {
  readonly kind?: RegistryKind;
  readonly credential?: ClientCredential;
  readonly clockOffsetMs?: number;
}

const count = (registry: ScriptedRegistry, line: string) => registry.lines.filter((sent) => sent === line).length;
const tokenRequests = (registry: ScriptedRegistry) => count(registry, "POST /oauth2/token");
const exchanges = (registry: ScriptedRegistry) => count(registry, "POST /oauth2/exchange");
const form = (registry: ScriptedRegistry, index: number) =>
  Object.fromEntries(new URLSearchParams(Buffer.from(registry.seen[index]?.body ?? []).toString()));

describe("the flow with Entra ID", () => {
  test("is an exchange and a token, with what protocol 2.3 has in each", async () => {
    const { authorize, registry } = authenticatorOf();
    const { header, fromCache } = await authorize();
    expect(registry.lines).toEqual(["POST /oauth2/exchange", "POST /oauth2/token"]);
    expect(form(registry, 0)).toEqual({
      grant_type: "access_token",
      service: "registry.example.azurecr.io",
      access_token: "entra-token",
    });
    expect(form(registry, 1)).toMatchObject({
      grant_type: "refresh_token",
      service: "registry.example.azurecr.io",
      scope: "repository:team/app:pull",
    });
    expect(claimsOf(form(registry, 1).refresh_token ?? "")).toMatchObject({ grant_type: "refresh_token" });
    expect(claimsOf(header?.replace("Bearer ", "") ?? "")).toMatchObject({ scope: "repository:team/app:pull" });
    expect(fromCache).toBe(false);
  });

  test("repeats only what is not at hand: another scope takes another access token", async () => {
    const { authorize, registry } = authenticatorOf();
    const first = await authorize();
    expect(await authorize()).toMatchObject({ header: first.header, fromCache: true });
    await authorize([CATALOG_SCOPE]);
    expect(registry.lines.slice(2)).toEqual(["POST /oauth2/token"]);
    expect(form(registry, 2)).toMatchObject({ scope: "registry:catalog:*" });
  });

  test("finds the token of a scope whatever the order of its actions", async () => {
    const { authorize, registry } = authenticatorOf();
    await authorize([{ type: "repository", name: "a", actions: ["push", "pull"] }]);
    await authorize([{ type: "repository", name: "a", actions: ["pull", "push"] }]);
    expect(tokenRequests(registry)).toBe(1);
  });
});

describe("renewal", () => {
  test("of an access token comes five minutes before it expires", async () => {
    const { authorize, registry, clock } = authenticatorOf();
    await authorize();
    clock.now = START + (ACCESS_TOKEN_SECONDS * 1000 - 5 * MINUTE) - 1;
    await authorize();
    expect(tokenRequests(registry)).toBe(1);
    clock.now += 1;
    await authorize();
    expect(tokenRequests(registry)).toBe(2);
    expect(exchanges(registry)).toBe(1);
  });

  test("of the refresh token comes five minutes before it expires", async () => {
    const { authorize, registry, clock } = authenticatorOf();
    await authorize();
    clock.now = START + (REFRESH_TOKEN_SECONDS * 1000 - 5 * MINUTE) - 1;
    await authorize();
    expect(exchanges(registry)).toBe(1);
    clock.now += ACCESS_TOKEN_SECONDS * 1000;
    await authorize();
    expect(exchanges(registry)).toBe(2);
  });

  test.each([-24 * 60 * MINUTE, 24 * 60 * MINUTE])(
    "does not depend on this machine's clock being right (%i ms off)",
    async (clockOffsetMs) => {
      const { authorize, registry, clock } = authenticatorOf({ clockOffsetMs });
      await authorize();
      clock.now += 60 * MINUTE;
      await authorize();
      expect(tokenRequests(registry)).toBe(1);
      clock.now += 15 * MINUTE;
      await authorize();
      expect(tokenRequests(registry)).toBe(2);
    },
  );
});

describe("many at a time", () => {
  test("a hundred callers on a cold client make one of each request", async () => {
    const { authorize, registry } = authenticatorOf();
    const headers = await Promise.all(Array.from({ length: 100 }, () => authorize()));
    expect(new Set(headers.map(({ header }) => header)).size).toBe(1);
    expect(registry.lines).toEqual(["POST /oauth2/exchange", "POST /oauth2/token"]);
  });

  test("callers of many scopes share the exchange", async () => {
    const { authorize, registry } = authenticatorOf();
    await Promise.all(Array.from({ length: 20 }, (_, index) => authorize([repositoryScope(`r${index}`, ["pull"])])));
    expect(exchanges(registry)).toBe(1);
    expect(tokenRequests(registry)).toBe(20);
  });

  test("one caller's abort does not fail the others", async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { authorize, registry } = authenticatorOf({
      login: ({ url }) =>
        url.pathname === "/oauth2/exchange"
          ? gate.then(() => ({ status: 200, body: { refresh_token: "r" } }))
          : undefined,
    });
    const controller = new AbortController();
    const leaving = authorize([PULL], controller.signal);
    const staying = authorize();
    while (exchanges(registry) === 0) await new Promise(setImmediate);
    controller.abort();
    await abortOf(leaving);
    release();
    expect((await staying).header).toMatch(/^Bearer /);
    expect(exchanges(registry)).toBe(1);
  });

  test("when all have aborted, the request on its way is aborted too, and the next caller starts anew", async () => {
    let isHanging = true;
    const { authorize, registry } = authenticatorOf({
      login: ({ url }) => (isHanging && url.pathname === "/oauth2/exchange" ? new Promise(() => {}) : undefined),
    });
    const controllers = [new AbortController(), new AbortController()];
    const leaving = controllers.map(({ signal }) => authorize([PULL], signal));
    while (exchanges(registry) === 0) await new Promise(setImmediate);
    for (const controller of controllers) controller.abort();
    await Promise.all(leaving.map(abortOf));
    expect(registry.seen[0]?.request.abortSignal?.aborted).toBe(true);
    isHanging = false;
    expect((await authorize()).header).toMatch(/^Bearer /);
    expect(exchanges(registry)).toBe(2);
  });
});

describe("what was revoked", () => {
  const challengeOf = (scope: string) =>
    `Bearer realm="${ORIGIN}/oauth2/token",service="registry.example.azurecr.io",scope="${scope}",error="invalid_token"`;

  test("an access token from the cache is replaced once; a fresh one that is refused too ends it", async () => {
    const { authenticator, authorize, registry } = authenticatorOf();
    await authorize();
    const used = await authorize();
    const renewed = await authenticator.answerChallenge(
      challengeOf("repository:team/app:pull"),
      [PULL],
      used,
      undefined,
    );
    expect(renewed?.header).not.toBe(used.header);
    expect(tokenRequests(registry)).toBe(2);
    const again =
      renewed &&
      (await authenticator.answerChallenge(challengeOf("repository:team/app:pull"), [PULL], renewed, undefined));
    expect(again).toBeUndefined();
    expect(tokenRequests(registry)).toBe(2);
  });

  test("one that reaches further takes the others of its kind with it: what comes next is fresh", async () => {
    const { authenticator, authorize, registry } = authenticatorOf();
    const push = repositoryScope("team/app", ["pull", "push"]);
    await authorize([push]);
    const other = await authorize([repositoryScope("base", ["pull"]), push]);
    const used = await authorize();
    expect(used.fromCache).toBe(true);
    const renewed = await authenticator.answerChallenge(
      challengeOf("repository:team/app:pull"),
      [PULL],
      used,
      undefined,
    );
    expect([used.header, other.header]).not.toContain(renewed?.header);
    expect(tokenRequests(registry)).toBe(3);
  });

  test("many who were refused with the same token share the next one", async () => {
    const { authenticator, authorize, registry } = authenticatorOf();
    await authorize();
    const used = await authorize();
    const answer = () =>
      authenticator.answerChallenge(challengeOf("repository:team/app:pull"), [PULL], used, undefined);
    await Promise.all([answer(), answer()]);
    // One that comes late, when the next one is there already.
    await answer();
    expect(tokenRequests(registry)).toBe(2);
  });

  test("a refresh token from the cache is exchanged anew, once", async () => {
    const revoked = new Set<string>();
    const { authorize, registry } = authenticatorOf({ isRevoked: (token) => revoked.has(token) });
    await authorize();
    revoked.add(form(registry, 1).refresh_token ?? "");
    await authorize([CATALOG_SCOPE]);
    expect(registry.lines.slice(2)).toEqual(["POST /oauth2/token", "POST /oauth2/exchange", "POST /oauth2/token"]);
  });

  test("when the new refresh token is refused as well, that is the answer", async () => {
    let isRevoked = false;
    const { authorize, registry } = authenticatorOf({ isRevoked: () => isRevoked });
    await authorize();
    isRevoked = true;
    await expect(authorize([CATALOG_SCOPE])).rejects.toBeInstanceOf(ClientAuthenticationError);
    // The last asks whether the tokens are to be had somewhere else, after all.
    expect(registry.lines.slice(2)).toEqual([
      "POST /oauth2/token",
      "POST /oauth2/exchange",
      "POST /oauth2/token",
      "GET /v2/",
    ]);
  });

  test("a refresh token that was handed over cannot be replaced", async () => {
    const { authorize, registry } = authenticatorOf({
      credential: { refreshToken: "handed-over" },
      isRevoked: () => true,
    });
    await expect(authorize()).rejects.toBeInstanceOf(ClientAuthenticationError);
    expect(registry.lines).toEqual(["POST /oauth2/token", "GET /v2/"]);
  });
});

describe("a challenge", () => {
  test("that asks for other scopes than predicted is remembered", async () => {
    const { authenticator, authorize, registry } = authenticatorOf();
    const used = await authorize();
    const header = `Bearer realm="${ORIGIN}/oauth2/token",service="registry.example.azurecr.io",scope="repository:team/app:pull repository:base:pull"`;
    const answered = await authenticator.answerChallenge(header, [PULL], used, undefined);
    const next = await authorize();
    expect(next).toMatchObject({ header: answered?.header, fromCache: true });
    expect(form(registry, 2)).toMatchObject({ scope: "repository:team/app:pull repository:base:pull" });
  });

  test("is remembered for the last thousand scopes", async () => {
    const { answerFirst, authorize, registry } = authenticatorOf();
    for (let index = 0; index <= 1_000; index++) {
      const header = `Bearer realm="${ORIGIN}/oauth2/token",service="r",scope="repository:r${index}:other"`;
      await answerFirst(header, [repositoryScope(`r${index}`, ["pull"])]);
    }
    await authorize([repositoryScope("r0", ["pull"])]);
    expect(form(registry, registry.seen.length - 1)).toMatchObject({ scope: "repository:r0:pull" });
    const before = tokenRequests(registry);
    await authorize([repositoryScope("r1000", ["pull"])]);
    expect(tokenRequests(registry)).toBe(before);
  });

  test.each(["", "not a scope", "::"])("whose scope is %j is answered with the scope predicted", async (scope) => {
    const { answerFirst, registry } = authenticatorOf();
    const header = `Bearer realm="${ORIGIN}/oauth2/token",service="registry.example.azurecr.io",scope="${scope}"`;
    await answerFirst(header, [PULL]);
    expect(form(registry, 1)).toMatchObject({ scope: "repository:team/app:pull" });
  });

  test.each([undefined, "", "Negotiate abc", 'Bearer service="x"'])("%j cannot be answered", async (header) => {
    const { answerFirst, registry } = authenticatorOf();
    expect(await answerFirst(header, [PULL])).toBeUndefined();
    expect(registry.lines).toEqual([]);
  });
});
