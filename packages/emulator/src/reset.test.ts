import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "./index.ts";

describe("reset", () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await startEmulator({
      tls: false,
      registries: { team: {} },
      tokens: { ci: { scopeMap: "_repositories_pull" } },
    });
  });
  afterAll(() => emulator.close());

  const basic = (user = emulator.admin) => `Basic ${btoa(`${user?.username}:${user?.password}`)}`;
  const send = (method: string, target: string, init: RequestInit = {}) =>
    fetch(new URL(target, emulator.endpoint), { method, headers: { authorization: basic() }, ...init });
  const catalog = async (endpoint = emulator.endpoint, user = emulator.admin) =>
    (
      (await (await fetch(`${endpoint}/acr/v1/_catalog`, { headers: { authorization: basic(user) } })).json()) as {
        repositories: string[];
      }
    ).repositories;
  const seed = (repository: string, { store } = emulator as Pick<Emulator, "store">) => {
    const attributes = { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true };
    const time = "2023-01-01T00:00:00Z";
    store.repositories.put({ name: repository, createdTime: time, lastUpdateTime: time, attributes });
  };

  it("empties every registry, with uploads and bytes, and keeps endpoints, users and credentials", async () => {
    const before = { endpoint: emulator.endpoint, admin: emulator.admin, certificate: emulator.certificate };
    const { token } = await emulator.credential.getToken("https://containerregistry.azure.net/.default");
    const team = emulator.registry("team");
    seed("team/app");
    seed("team/app", team);
    const digest = await emulator.store.blobs.put("team/app", Buffer.from("content"));
    const started = await send("POST", "/v2/app/blobs/uploads/");
    await emulator.reset();
    expect(await catalog()).toEqual([]);
    expect(await catalog(team.endpoint, team.admin)).toEqual([]);
    expect((await send("GET", `/v2/team/app/blobs/${digest}`)).status).toBe(404);
    expect((await send("PATCH", started.headers.get("location") ?? "", { body: "x" })).status).toBe(404);
    const files = await readdir(join(emulator.dataFolder, "blobs"), { recursive: true, withFileTypes: true });
    expect(files.filter((file) => file.isFile())).toEqual([]);
    expect({ endpoint: emulator.endpoint, admin: emulator.admin, certificate: emulator.certificate }).toEqual(before);
    const form = new URLSearchParams({
      grant_type: "access_token",
      service: emulator.loginServer,
      access_token: token,
    });
    expect((await send("POST", "/oauth2/exchange", { body: form })).status).toBe(200);
    expect((await send("POST", "/v2/app/blobs/uploads/")).status).toBe(202);
  });

  it("takes back interceptors, faults, moves of the clock, and the request log", async () => {
    emulator.faults.load({ seed: 7, faults: [{ fault: { kind: "error", status: 503 } }] });
    expect((await send("GET", "/v2/")).status).toBe(503);
    emulator.intercept(() => ({ status: 418, headers: [["Content-Length", "0"]] }));
    emulator.clock.advance(1e9);
    expect((await send("GET", "/v2/")).status).toBe(418);
    await emulator.reset();
    expect([emulator.requests.count, emulator.faults.fired, emulator.faults.seed]).toEqual([0, [], 1]);
    expect(Math.abs(emulator.clock.now() - Date.now())).toBeLessThan(1e6);
    expect((await send("GET", "/v2/")).status).toBe(200);
  });

  it("puts back who may do what", async () => {
    const reader = emulator.entra.createApplication({ actions: ["pull"] });
    const later = emulator.entra.createApplication();
    const given = emulator.access.tokens.get("ci");
    emulator.access.revoke(reader);
    emulator.access.assign(later, {});
    emulator.access.removeToken("ci");
    emulator.access.setToken("other", { scopeMap: "_repositories_push" });
    emulator.access.setScopeMap("_repositories_pull", { "*": ["content/write"] });
    const granted = async (credential: typeof reader.credential) => {
      const { token } = await credential.getToken("https://containerregistry.azure.net/.default");
      const form = { grant_type: "access_token", service: emulator.loginServer, access_token: token };
      return (await send("POST", "/oauth2/exchange", { body: new URLSearchParams(form), headers: {} })).status;
    };
    const before = [await granted(reader.credential), await granted(later.credential)];
    await emulator.reset();
    const after = [await granted(reader.credential), await granted(later.credential)];
    expect([before, after]).toEqual([
      [401, 200],
      [200, 401],
    ]);
    expect([...emulator.access.tokens.keys()]).toEqual(["ci"]);
    expect(emulator.access.tokens.get("ci")).toEqual(given);
    seed("app");
    const pulled = await send("GET", "/oauth2/token?scope=repository:app:pull", {
      headers: { authorization: basic(given) },
    });
    const claims = ((await pulled.json()) as { access_token: string }).access_token.split(".")[1] ?? "";
    expect(JSON.parse(Buffer.from(claims, "base64url").toString()).access).toMatchObject([{ actions: ["pull"] }]);
  });

  it("cuts off an upload that is under way, and nothing of it is left", async () => {
    const started = await send("POST", "/v2/app/blobs/uploads/");
    const { hostname, port } = new URL(emulator.endpoint);
    const outgoing = request({
      hostname,
      port,
      method: "PATCH",
      path: started.headers.get("location") ?? "",
      headers: { authorization: basic(), "content-length": 1000 },
    });
    const failed = once(outgoing, "error");
    outgoing.write("half");
    // Until the upload has it.
    await sleep(100);
    await emulator.reset();
    await failed;
    expect(emulator.requests.count).toBe(0);
    expect(await readdir(join(emulator.dataFolder, "uploads"))).toEqual([]);
  });

  it.for<[string, () => unknown]>([
    [
      "a slow fault",
      () => emulator.faults.add({ operation: "patchUpload", fault: { kind: "slow-request", bytesPerSecond: 1 } }),
    ],
    [
      "an interceptor whose body is stuck",
      () =>
        emulator.intercept((received, next) => {
          if (received.method !== "PATCH") return next(received);
          const body = async function* () {
            yield Buffer.from("a");
            await new Promise(() => {});
          };
          return next({ ...received, body: body() });
        }),
    ],
  ])("does not wait for a body that %s holds back", async ([, hold]) => {
    const started = await send("POST", "/v2/app/blobs/uploads/");
    hold();
    const location = started.headers.get("location") ?? "";
    const failed = send("PATCH", location, { body: "x".repeat(1000) }).catch((error: unknown) => error);
    await sleep(100);
    await emulator.reset();
    expect(await failed).toBeInstanceOf(TypeError);
    expect((await send("GET", "/v2/")).status).toBe(200);
    expect(await readdir(join(emulator.dataFolder, "uploads"))).toEqual([]);
  });

  it("leaves nothing in log and faults of requests that were under way", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let ended = 0;
    emulator.faults.add({ path: "/v2/", fault: { kind: "error", status: 503, when: "after" } });
    emulator.intercept(async (received, next) => {
      try {
        if (received.path === "/v2/") await held;
        const answer = await next(received);
        if (received.path !== "/v2/") await held;
        return answer;
      } finally {
        ended++;
      }
    });
    const seen: string[] = [];
    const unwatch = emulator.requests.watch(({ path }) => seen.push(path));
    const failed = ["/v2/", "/acr/v1/_catalog"].map((path) => send("GET", path).catch((error: unknown) => error));
    await sleep(50);
    await emulator.reset();
    emulator.faults.add({ path: "/v2/", times: 1, fault: { kind: "error", status: 503 } });
    release();
    await Promise.all(failed);
    await expect.poll(() => ended).toBe(2);
    await sleep(20);
    unwatch();
    expect([emulator.requests.entries, emulator.faults.fired, seen]).toEqual([[], [], []]);
    expect((await send("GET", "/v2/")).status).toBe(503);
  });

  it("does not let through later what an interceptor held back before", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let reached: unknown;
    emulator.intercept(async (received, next) => {
      await held;
      try {
        return await next(received);
      } catch (error) {
        reached = error;
        throw error;
      }
    });
    const failed = send("POST", "/v2/app/blobs/uploads/").catch((error: unknown) => error);
    await sleep(50);
    await emulator.reset();
    expect(await failed).toBeInstanceOf(TypeError);
    release();
    await expect.poll(() => reached).toMatchObject({ name: "ConnectionCut" });
    expect(await readdir(join(emulator.dataFolder, "uploads"))).toEqual([]);
  });

  it("may be called by several at once, and requests that come meanwhile are answered afterwards", async () => {
    seed("team/app");
    const resets = [emulator.reset(), emulator.reset(), emulator.reset()];
    expect(await catalog()).toEqual([]);
    await Promise.all(resets);
  });
});
