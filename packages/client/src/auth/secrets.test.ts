import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import type { ContainerRegistryClient } from "../index.ts";
import { acrRegistry, HOST, unsignedJwt } from "../testing/acr-registry.ts";
import { clientOf, FakeEntraCredential } from "../testing/client.ts";
import { recordLogs } from "../testing/logs.ts";
import { connectionError, refusal, type ScriptedAnswer, type SeenRequest } from "../testing/scripted-registry.ts";
import { recordSpans } from "../testing/spans.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import { CredentialChain } from "./credential-chain.ts";
import type { ClientCredential } from "./credential-source.ts";

failOnUnhandled();

const PASSWORD = 'pa55"wörd & more';
const ENTRA = unsignedJwt({ tid: "tenant", oid: "object", jti: "entra-s3cret" });
const REFRESH = unsignedJwt({ grant_type: "refresh_token", jti: "refresh-s3cret" });

/** All that must not be seen, in every form in which it travels. */
const GIVEN = [PASSWORD, `user:${PASSWORD}`, ENTRA, REFRESH].flatMap((secret) => [
  secret,
  encodeURIComponent(secret),
  new URLSearchParams([["", secret]]).toString().slice(1),
  JSON.stringify(secret).slice(1, -1),
  Buffer.from(secret).toString("base64"),
]);

const CREDENTIALS: Readonly<Record<string, () => ClientCredential>> = {
  "an Entra credential": () => new FakeEntraCredential(ENTRA),
  "a password": () => ({ username: "user", password: PASSWORD }),
  "a refresh token": () => ({ refreshToken: REFRESH }),
  "a function": () => () => ({ username: "user", password: PASSWORD }),
  "a chain": () => new CredentialChain([{ name: "entra", credential: new FakeEntraCredential(ENTRA) }]),
};

/** The request as a server would show it on its error page. */
const echo = ({ method, url, headers, body }: SeenRequest): ScriptedAnswer => ({
  status: 500,
  body: `${method} ${url}\n${JSON.stringify(headers)}\n${Buffer.from(body)}\n${new URLSearchParams(Buffer.from(body).toString()).get("refresh_token")}`,
});
const echoRefusal = (request: SeenRequest): ScriptedAnswer =>
  refusal(401, "UNAUTHORIZED", `you sent ${request.headers.authorization} and ${Buffer.from(request.body)}`);

const TROUBLE: Readonly<Record<string, Parameters<typeof registryOf>[0]>> = {
  "nothing goes wrong": {},
  "the token service refuses and repeats the request": { login: echoRefusal },
  "the token service fails and repeats the request": { login: echo },
  "the token service's connection breaks": {
    login: () => {
      throw connectionError();
    },
  },
  "the token service's answer is no JSON": { login: () => ({ status: 200, body: `<html>${REFRESH}</html>` }) },
  "the token service's answer has passed a proxy that changes the status": {
    login: () => ({
      status: 203,
      body: { access_token: unsignedJwt({ jti: "issued-s3cret" }), refresh_token: REFRESH },
    }),
    call: () => refusal(401, "UNAUTHORIZED", "no"),
  },
  "the token service redirects": { login: () => ({ status: 307, headers: { location: "https://evil.example/" } }) },
  "the registry refuses and repeats the request": { call: echoRefusal },
  "the registry fails and repeats the request": { call: echo },
  "the registry's connection breaks": {
    call: () => {
      throw connectionError();
    },
  },
};

function registryOf({ login, call }: { login?: (request: SeenRequest) => ScriptedAnswer; call?: typeof login }) {
  const answer = {
    registry: HOST,
    imageName: "app",
    createdTime: "",
    lastUpdateTime: "",
    manifestCount: 0,
    tagCount: 0,
  };
  return acrRegistry(
    (request) => call?.(request) ?? { status: 200, body: answer },
    login === undefined ? {} : { login },
  );
}

async function outcomeOf(client: ContainerRegistryClient): Promise<unknown> {
  try {
    return await client.getRepositoryProperties("team/app");
  } catch (error) {
    return error;
  }
}

describe.each(Object.keys(CREDENTIALS))("of %s nothing is seen", (name) => {
  test.each(Object.keys(TROUBLE))("when %s", async (trouble) => {
    const logs = recordLogs("verbose");
    const spans = recordSpans();
    const registry = registryOf(TROUBLE[trouble] ?? {});
    const credential = CREDENTIALS[name]?.();
    const client = clientOf(registry, { credential, retryOptions: { maxRetries: 1, retryDelayInMs: 0 } });
    const outcome = await outcomeOf(client);

    const issued = registry.seen.flatMap(({ headers, body }) => [
      headers.authorization?.split(" ")[1] ?? "",
      new URLSearchParams(Buffer.from(body).toString()).get("refresh_token") ?? "",
    ]);
    const everything = { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true, maxStringLength: null };
    // A credential's own members are its owner's affair; the chain is ours.
    const held = credential instanceof CredentialChain ? credential : undefined;
    const seen = [
      ...logs,
      inspect(client, everything),
      inspect(outcome, everything),
      inspect((outcome as { readonly response?: unknown }).response, everything),
      inspect(held, everything),
      inspect(spans, everything),
      JSON.stringify(outcome) ?? "",
      JSON.stringify(client) ?? "",
      String(outcome),
      ...registry.seen.map(({ url }) => url.href),
    ].join("\n");
    expect(registry.seen.length).toBeGreaterThan(0);
    expect(spans.length).toBeGreaterThan(0);
    for (const secret of [...GIVEN, ...issued].filter((text) => text !== "")) {
      const at = seen.indexOf(secret);
      expect(at === -1 ? "" : seen.slice(Math.max(0, at - 200), at + secret.length)).toBe("");
    }
  });
});
