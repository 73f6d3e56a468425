import { describe, expect, it } from "vitest";
import { ClientAuthenticationError } from "../errors/registry-error.ts";
import { acrRegistry, challenge, claimsOf, HOST } from "../testing/acr-registry.ts";
import { abortOf, FakeEntraCredential, failureOf } from "../testing/client.ts";
import { refusal } from "../testing/scripted-registry.ts";
import { exchangeRefreshToken } from "./exchange.ts";

const nothing = () => ({ status: 200 });

describe("exchangeRefreshToken", () => {
  it("takes one request, with an Entra token for the registry's audience", async () => {
    const registry = acrRegistry(nothing);
    const credential = new FakeEntraCredential();
    const token = await exchangeRefreshToken(HOST, credential, { httpClient: registry });
    expect(claimsOf(token)).toMatchObject({ grant_type: "refresh_token" });
    expect(registry.lines).toEqual(["POST /oauth2/exchange"]);
    expect(credential.asked).toEqual(["https://containerregistry.azure.net/.default"]);
    const form = new URLSearchParams(Buffer.from(registry.seen[0]?.body ?? "").toString());
    expect(Object.fromEntries(form)).toEqual({
      grant_type: "access_token",
      service: HOST,
      access_token: "entra-token",
    });
  });

  it("asks for the audience of the cloud, or the one that is named", async () => {
    const credential = new FakeEntraCredential();
    await exchangeRefreshToken("team.azurecr.cn", credential, { httpClient: acrRegistry(nothing) });
    await exchangeRefreshToken(HOST, credential, { httpClient: acrRegistry(nothing), audience: "https://mine" });
    expect(credential.asked).toEqual(["https://management.chinacloudapi.cn/.default", "https://mine/.default"]);
  });

  it("a refusal says what to do, without the token", async () => {
    const registry = acrRegistry(nothing, {
      login: () => refusal(401, "UNAUTHORIZED", "retrieving permissions failed"),
    });
    const exchange = exchangeRefreshToken(HOST, new FakeEntraCredential("hunter2"), { httpClient: registry });
    const error = await failureOf(exchange, ClientAuthenticationError);
    expect(error.message).toContain("role on this registry");
    expect(`${error.message}${error.stack}`).not.toContain("hunter2");
  });

  const OTHER = "registry.example.com";

  it("at a domain of one's own, takes the service's name from the challenge", async () => {
    const registry = acrRegistry(nothing, {
      login: ({ url }) => (url.pathname === "/v2/" ? challenge("", undefined, OTHER) : undefined),
    });
    await exchangeRefreshToken(OTHER, new FakeEntraCredential(), { httpClient: registry });
    expect(registry.lines).toEqual(["GET /v2/", "POST /oauth2/exchange"]);
  });

  const bearer = (realm: string) => `Bearer realm="${realm}",service="x"`;
  it.each([
    ["welcomes everybody", { status: 200 }],
    ["wants a password", refusal(401, "UNAUTHORIZED", "no", { headers: { "www-authenticate": 'Basic realm="x"' } })],
    ["is no registry", { status: 404 }],
    ["says nothing", refusal(401, "UNAUTHORIZED", "no")],
    [
      "has another token service",
      refusal(401, "UNAUTHORIZED", "no", { headers: { "www-authenticate": bearer(`https://${OTHER}/token`) } }),
    ],
    [
      "names another host",
      refusal(401, "UNAUTHORIZED", "no", { headers: { "www-authenticate": bearer(`https://${HOST}/oauth2/token`) } }),
    ],
  ])("somebody else's server, which %s, is sent no token of Entra ID", async (_, answer) => {
    const registry = acrRegistry(nothing, { login: ({ url }) => (url.pathname === "/v2/" ? answer : undefined) });
    const exchange = exchangeRefreshToken(OTHER, new FakeEntraCredential(), { httpClient: registry });
    const error = await failureOf(exchange, ClientAuthenticationError);
    expect(error.message).toContain("takes no tokens of Entra ID");
    expect(registry.lines).toEqual(["GET /v2/"]);
  });

  it("sends no token in the clear to another machine", async () => {
    const registry = acrRegistry(nothing);
    await failureOf(exchangeRefreshToken(`http://${HOST}`, new FakeEntraCredential(), { httpClient: registry }), Error);
    expect(registry.lines).toEqual([]);
  });

  it("can be aborted", async () => {
    const controller = new AbortController();
    const credential = { getToken: () => new Promise<null>(() => {}) };
    const exchange = exchangeRefreshToken(HOST, credential, {
      httpClient: acrRegistry(nothing),
      abortSignal: controller.signal,
    });
    controller.abort();
    await abortOf(exchange);
  });
});
