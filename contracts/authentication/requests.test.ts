import { Agent } from "node:https";
import type { LookupFunction } from "node:net";
import { ContainerRegistryClient, type ContainerRegistryClientOptions, exchangeRefreshToken } from "@acrkit/client";
import { type Emulator, startEmulator } from "@acrkit/emulator";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { linesOf, seedRepositories } from "./seed.ts";

const REPOSITORIES = Array.from({ length: 50 }, (_, index) => `team/app${index}`);

// Counted where they arrive, not timed: what a client sends for a given job does not depend on the machine.
describe("the requests that logging in takes", () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await startEmulator({ hostnames: ["myregistry.azurecr.io"], anonymousPull: true });
    seedRepositories(emulator, REPOSITORIES);
  });
  afterAll(() => emulator.close());
  afterEach(() => emulator.requests.clear());

  const trust = () => ({ tlsOptions: { ca: emulator.certificate } });
  /** The emulator under a name of Azure's, at which it can be nothing else than ACR. */
  const azure = (): readonly [string, ContainerRegistryClientOptions] => {
    const lookup: LookupFunction = (_, { all }, answer) => {
      if (all === true) answer(null, [{ address: "127.0.0.1", family: 4 }]);
      else answer(null, "127.0.0.1", 4);
    };
    const agent = new Agent({ ca: emulator.certificate, lookup });
    return [`https://myregistry.azurecr.io:${new URL(emulator.endpoint).port}`, { agent }];
  };
  const refreshToken = async () => {
    const token = await exchangeRefreshToken(emulator.endpoint, emulator.credential, trust());
    emulator.requests.clear();
    return token;
  };

  it("are three from a cold start to the first answer with Entra ID: exchange, token, call", async () => {
    await new ContainerRegistryClient(emulator.endpoint, emulator.credential, trust()).getRepositoryProperties(
      "team/app0",
    );
    expect(linesOf(emulator)).toEqual(["POST /oauth2/exchange", "POST /oauth2/token", "GET /acr/v1/team/app0"]);
  });

  it("are two with a refresh token: token, call", async () => {
    const credential = { refreshToken: await refreshToken() };
    await new ContainerRegistryClient(emulator.endpoint, credential, trust()).getRepositoryProperties("team/app0");
    expect(linesOf(emulator)).toEqual(["POST /oauth2/token", "GET /acr/v1/team/app0"]);
  });

  it("are two with a refresh token as docker stores it", async () => {
    const credential = { username: "00000000-0000-0000-0000-000000000000", password: await refreshToken() };
    await new ContainerRegistryClient(emulator.endpoint, credential, trust()).getRepositoryProperties("team/app0");
    expect(linesOf(emulator)).toEqual(["POST /oauth2/token", "GET /acr/v1/team/app0"]);
  });

  it("are two without a credential, and with user name and password, at a name of Azure's", async () => {
    const [endpoint, options] = azure();
    await new ContainerRegistryClient(endpoint, options).getRepositoryProperties("team/app0");
    expect(linesOf(emulator)).toEqual(["POST /oauth2/token", "GET /acr/v1/team/app0"]);
    emulator.requests.clear();
    const { username = "", password = "" } = emulator.admin ?? {};
    await new ContainerRegistryClient(endpoint, { username, password }, options).getRepositoryProperties("team/app0");
    expect(linesOf(emulator)).toEqual(["GET /oauth2/token", "GET /acr/v1/team/app0"]);
  });

  it("are three without a credential where the registry could be another: it is asked first how to log in", async () => {
    await new ContainerRegistryClient(emulator.endpoint, trust()).getRepositoryProperties("team/app0");
    expect(linesOf(emulator)).toEqual(["GET /v2/", "POST /oauth2/token", "GET /acr/v1/team/app0"]);
  });

  it("are at most 6 to 100 calls that alternate between 50 repositories, 20 at a time", async () => {
    const client = new ContainerRegistryClient(emulator.endpoint, emulator.credential, trust());
    await inFlight(20, 1_000, (call) => client.getRepositoryProperties(REPOSITORIES[call % 50] ?? ""));
    const lines = linesOf(emulator);
    expect(lines.filter((line) => line === "POST /oauth2/exchange")).toHaveLength(1);
    expect(lines.filter((line) => line === "POST /oauth2/token")).toHaveLength(50);
    expect(lines).toHaveLength(1_051);
    expect(lines.length / 1_000).toBeLessThanOrEqual(1.06);
  });

  it("are one token for a push and the pull of what was pushed", async () => {
    const client = new ContainerRegistryClient(emulator.endpoint, emulator.credential, trust());
    const { digest } = await client.uploadBlob("team/app0", "content");
    await (await client.downloadBlob("team/app0", digest)).bytes();
    expect(linesOf(emulator).filter((line) => line === "POST /oauth2/token")).toHaveLength(1);
  });

  it("are one token more when one is revoked, and none for those who did not use it", async () => {
    const client = new ContainerRegistryClient(emulator.endpoint, emulator.credential, trust());
    await client.getRepositoryProperties("team/app0");
    await client.getRepositoryProperties("team/app1");
    // Past the end of every access token, but not of the refresh token; the client's clock has not moved.
    emulator.clock.advance(80 * 60_000);
    emulator.requests.clear();
    await Promise.all(Array.from({ length: 20 }, () => client.getRepositoryProperties("team/app0")));
    const tokens = linesOf(emulator).filter((line) => line === "POST /oauth2/token").length;
    expect(tokens).toBe(1);
    expect(linesOf(emulator)).toHaveLength(20 + 20 + 1);
  });
});

/** Runs so many calls, at most `limit` at a time. */
async function inFlight(limit: number, calls: number, call: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < calls) await call(next++);
  };
  await Promise.all(Array.from({ length: limit }, lane));
}
