import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "./emulator.ts";

describe("several registries in one process", () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await startEmulator({ tls: false, registries: { team: { anonymousPull: true }, "prod-2": {} } });
  });
  afterAll(() => emulator.close());

  const catalog = async (endpoint: string, headers: Record<string, string>) => {
    const answer = await fetch(`${endpoint}/acr/v1/_catalog`, { headers });
    return answer.status === 200 ? ((await answer.json()) as unknown) : answer.status;
  };
  const basic = ({ username, password } = { username: "", password: "" }) => `Basic ${btoa(`${username}:${password}`)}`;

  it("have ports, content and users of their own", async () => {
    const [team, prod] = [emulator.registry("team"), emulator.registry("prod-2")];
    team.store.repositories.put({
      name: "only/team",
      createdTime: "2023-01-01T00:00:00Z",
      lastUpdateTime: "2023-01-01T00:00:00Z",
      attributes: { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true },
    });
    expect(new Set([emulator.endpoint, team.endpoint, prod.endpoint]).size).toBe(3);
    expect(await catalog(team.endpoint, { authorization: basic(team.admin) })).toEqual({ repositories: ["only/team"] });
    expect(await catalog(prod.endpoint, { authorization: basic(prod.admin) })).toEqual({ repositories: [] });
    expect(await catalog(prod.endpoint, { authorization: basic(team.admin) })).toBe(401);
  });

  it("are reached by host name at every port", async () => {
    const { request } = await import("node:http");
    const realm = (host: string) =>
      new Promise<string | undefined>((resolve, reject) => {
        const asked = request(`${emulator.endpoint}/v2/`, { headers: { host } }, (answer) => {
          answer.resume();
          resolve(answer.headers["www-authenticate"]);
        });
        asked.on("error", reject).end();
      });
    expect(await realm("team.azurecr.io")).toContain('service="team.azurecr.io"');
    const asked = async (host: string) => {
      const answer = await new Promise<number | undefined>((resolve, reject) => {
        const headers = { host, authorization: basic(emulator.registry("team").admin) };
        request(`${emulator.endpoint}/acr/v1/only/team`, { headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on("error", reject)
          .end();
      });
      return answer;
    };
    expect(await asked("TEAM.localhost:1234")).toBe(200);
    // What is no host name leads to the port's own registry.
    expect(await asked(".")).toBe(401);
    expect(await asked("localhost")).toBe(401);
  });

  it("refuse each other's tokens", async () => {
    const team = emulator.registry("team");
    const answer = await fetch(`${team.endpoint}/oauth2/token?service=x&scope=registry:catalog:*`, {
      headers: { authorization: basic(team.admin) },
    });
    const { access_token } = (await answer.json()) as { access_token: string };
    const headers = { authorization: `Bearer ${access_token}` };
    expect(await catalog(team.endpoint, headers)).toEqual({ repositories: ["only/team"] });
    expect(await catalog(emulator.registry("prod-2").endpoint, headers)).toBe(401);
  });

  it.for(["Team", "", "a/b", "..", "localhost", "x".repeat(60)])("cannot be named %j", async (name) => {
    await expect(startEmulator({ registries: { [name]: {} } })).rejects.toThrow(/no name for a registry/);
  });

  it("are not found under another name", () => {
    expect(() => emulator.registry("other")).toThrow('there is no registry "other"; there are: team, prod-2');
  });
});

it("answers carry the time of the emulator's clock", async () => {
  const emulator = await startEmulator({ tls: false, now: () => Date.UTC(2031, 0, 1) });
  expect((await fetch(`${emulator.endpoint}/v2/`)).headers.get("date")).toBe("Wed, 01 Jan 2031 00:00:00 GMT");
  await emulator.close();
});
