import { deepStrictEqual } from "node:assert";
import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../index.ts";

/** The message of what `assertion` throws. */
function complaint(assertion: () => void): string {
  try {
    assertion();
  } catch (error) {
    expect(error).toMatchObject({ name: "AssertionError", code: "ERR_ASSERTION" });
    return (error as Error).message;
  }
  throw new Error("the assertion holds");
}

describe("the request log", () => {
  let emulator: Emulator;
  let authorization: string;
  beforeAll(async () => {
    emulator = await startEmulator({ tls: false });
    authorization = `Basic ${btoa(`${emulator.admin?.username}:${emulator.admin?.password}`)}`;
  });
  afterAll(() => emulator.close());
  beforeEach(() => emulator.reset());

  const send = (method: string, target: string, body?: string) =>
    fetch(new URL(target, emulator.endpoint), { method, body: body ?? null, headers: { authorization } });
  const push = async (content: string) => {
    const digest = await emulator.store.blobs.put("team/app", Buffer.from(content));
    return `/v2/team/app/blobs/${digest}`;
  };

  it("says of each request what it was about, and how much was carried", async () => {
    const path = await push("content");
    await (await send("GET", path)).text();
    expect(emulator.requests.entries).toMatchObject([
      { origin: "registry", method: "GET", path, status: 307, operation: "getBlob", repository: "team/app" },
      { origin: "storage", method: "GET", status: 200, operation: undefined, repository: undefined, bytesOut: 7 },
    ]);
    const started = await send("POST", "/v2/team/app/blobs/uploads/");
    await send("PATCH", started.headers.get("location") ?? "", "12345");
    const entry = emulator.requests.entries.at(-1);
    expect(entry).toMatchObject({ operation: "patchUpload", bytesIn: 5, bytesOut: 0 });
    expect(entry?.durationMs).toBeGreaterThan(0);
    expect(entry?.answeredAt).toBeLessThanOrEqual(Date.now() + 1);
  });

  it("times answers by the emulator's clock", async () => {
    emulator.clock.advance(1_000_000_000);
    await send("GET", "/v2/");
    expect(emulator.requests.entries[0]?.answeredAt).toBeGreaterThan(Date.now() + 900_000_000);
  });

  it("selects by every property", async () => {
    const path = await push("content");
    await send("GET", path);
    await send("GET", "/v2/other/tags/list");
    await send("GET", "/v2/");
    const { requests } = emulator;
    expect(requests.of({ origin: "storage" }).count).toBe(1);
    expect(requests.of({ operation: ["getBlob", "checkApi"] }).count).toBe(2);
    expect(requests.of({ repository: "team/app" }).of({ status: 307 }).entries[0]?.path).toBe(path);
    expect(requests.of({ status: [200, 404] }).count).toBe(3);
    expect(requests.of({ path: "/v2/" }).count).toBe(1);
    expect(requests.of({ path: /\/tags\// }).count).toBe(1);
    expect(requests.of({ method: "get" }).count).toBe(4);
    expect(requests.of({ method: "PUT" }).count).toBe(0);
  });

  it("asserts silently of what is so", async () => {
    const path = await push("content");
    await send("GET", path);
    const { requests } = emulator;
    requests.expectSequence({ operation: "getBlob", status: 307 }, { origin: "storage", status: 200 });
    requests.expectCount(2);
    requests.expectCount();
    requests.of({ origin: "storage" }).expectNoCredentials();
    requests.of({ operation: "deleteBlob" }).expectNone();
    requests.of({ origin: "registry" }).expectOnly({ repository: "team/app" });
  });

  it("lists what was seen when something is not so", async () => {
    const path = await push("content");
    await (await send("GET", path)).text();
    await send("GET", "/v2/");
    const { requests } = emulator;
    const storage = requests.entries[1]?.path;
    const list = (marks: string) =>
      [`${marks[0]} 1. GET ${path} 307 getBlob`, expect.any(String), `${marks[2]} 3. GET /v2/ 200 checkApi`] as const;
    const count = complaint(() => requests.of({ operation: "getBlob" }).expectCount(2)).split("\n");
    expect(count).toEqual([
      "requests (operation getBlob): expected 2, but there were 1",
      "",
      "All requests:",
      ...list("*  "),
    ]);
    expect(count[4]).toContain(`  2. GET ${storage}?`);

    expect(complaint(() => requests.expectNone())).toMatch(/^requests: expected none, but there were 3\n/);
    expect(complaint(() => requests.of({ status: 500 }).expectCount())).toMatch(/expected some, but there were 0\n/);
    expect(complaint(() => requests.of({ origin: "registry" }).of({ method: "GET" }).expectNone())).toMatch(
      /^requests \(origin registry, method GET\): expected none, but there were 2\n/,
    );
    expect(complaint(() => requests.expectOnly({ origin: "registry" }))).toMatch(
      /^requests: expected only origin registry, but there was one besides\n/,
    );
    expect(complaint(() => requests.expectNoCredentials())).toMatch(
      /^requests: expected no credentials, but GET \/v2\/team\/app\/blobs\/sha256:\w+ 307 getBlob carried one\n/,
    );
    const two = [{ operation: "getBlob" }, { origin: "storage" }] as const;
    expect(complaint(() => requests.expectSequence(...two))).toMatch(
      /^requests: number 3 should be none, but is GET \/v2\/ 200 checkApi\n/,
    );
    expect(complaint(() => requests.expectSequence({ operation: "putManifest", status: 201 }))).toMatch(
      /^requests: number 1 should be operation putManifest, status 201, but is GET /,
    );
    expect(complaint(() => requests.expectSequence(...two, { path: "/v2/" }, { status: [1, 2] }))).toMatch(
      /number 4 should be status 1 or 2, but is none\n/,
    );
    requests.clear();
    expect(complaint(() => requests.expectCount(1))).toMatch(/There were no requests at all\.$/);
  });

  it("keeps credentials for tests to see, and shows them nowhere", async () => {
    const path = await push("content");
    await (await send("GET", path)).text();
    const { entries } = emulator.requests;
    expect(entries[0]?.headers.authorization).toBe(authorization);
    const signature = entries[1]?.query.get("sig") ?? "";
    expect(signature.length).toBeGreaterThan(20);
    const shown = [
      inspect(emulator.requests.entries, { depth: 9 }),
      JSON.stringify(entries),
      complaint(() => emulator.requests.expectNone()),
    ];
    for (const text of shown) {
      expect(text).not.toContain(authorization.slice(6));
      expect(text).not.toContain(signature);
      expect(text).not.toContain(encodeURIComponent(signature));
    }
    expect(shown[0]).toContain("Basic REDACTED");
    expect(shown[2]).toContain("sig=REDACTED");
  });

  it.for<[string, (entry: object) => unknown]>([
    ["node:assert of an entry", (entry) => complaint(() => deepStrictEqual(entry, { method: "GET", path: "/" }))],
    ["node:assert of a list", (entry) => complaint(() => deepStrictEqual([entry], []))],
    ["a copy as JSON", (entry) => JSON.stringify({ ...entry })],
    ["a copy", (entry) => inspect({ ...entry }, { depth: 9 })],
    ["what is there without its own way of printing", (entry) => inspect(entry, { customInspect: false, depth: 9 })],
  ])("leaves credentials out of what others show: %s", async ([, show]) => {
    const path = await push("content");
    await (await send("GET", path)).text();
    const { entries } = emulator.requests;
    const signature = entries[1]?.query.get("sig") ?? "none";
    const shown = entries.map((entry) => show(entry)).join("\n");
    expect(shown).toContain("GET");
    expect(shown).not.toContain(authorization.slice(6));
    expect(shown).not.toContain(signature);
    expect(entries[0]).toMatchObject({ headers: { authorization } });
  });

  it("hears nothing more of a request that is cut off", async () => {
    const { RequestLog } = await import("./request-log.ts");
    const log = new RequestLog(() => 0);
    const seen: number[] = [];
    log.watch(({ status }) => seen.push(status));
    const cutting = new AbortController();
    const request = {
      origin: "registry",
      method: "GET",
      path: "/",
      query: new URLSearchParams(),
      headers: {},
    } as const;
    const [first, second, third] = [1, 2, 3].map(() =>
      log.observe({ ...request, body: (async function* () {})() }, { bytesIn: 0, bytesOut: 0 }, cutting.signal),
    );
    first?.answered({ status: 200 });
    first?.ended();
    second?.answered({ status: 201 });
    cutting.abort();
    second?.ended();
    third?.answered({ status: 202 });
    third?.ended();
    expect(seen).toEqual([200]);
    expect(log.entries.map(({ status }) => status)).toEqual([200, 201]);
  });

  it("keeps fewer of those that are large", async () => {
    const { RequestLog } = await import("./request-log.ts");
    const log = new RequestLog(() => 0);
    const request = { origin: "registry", method: "GET", path: "/" } as const;
    const body = (async function* () {})();
    for (let status = 0; status < 5000; status++) {
      const large = { query: new URLSearchParams({ q: "x".repeat(8000) }), headers: { cookie: "x".repeat(24_000) } };
      log.observe({ ...request, ...large, body }, { bytesIn: 0, bytesOut: 0 }).answered({ status });
    }
    expect(log.entries.at(-1)?.status).toBe(4999);
    expect(log.count).toBeGreaterThan(500);
    expect(log.count * 32_000).toBeLessThan(33 * 1024 * 1024);
    expect(log.entries[0]?.headers.cookie).toHaveLength(24_000);
  });

  it("forgets the oldest of many", async () => {
    const { RequestLog } = await import("./request-log.ts");
    const log = new RequestLog(() => 0);
    const request = {
      origin: "registry",
      method: "GET",
      path: "/",
      query: new URLSearchParams(),
      headers: {},
    } as const;
    for (let status = 0; status < 10_001; status++) {
      log.observe({ ...request, body: (async function* () {})() }, { bytesIn: 0, bytesOut: 0 }).answered({ status });
    }
    expect([log.count, log.entries.at(-1)?.status]).toEqual([5_001, 10_000]);
  });

  it("tells watchers of each request when its answer is out", async () => {
    const seen: string[] = [];
    const unwatch = emulator.requests.watch(({ path }) => seen.push(path));
    await send("GET", "/v2/watched");
    await expect.poll(() => seen).toContain("/v2/watched");
    unwatch();
    await send("GET", "/v2/unwatched");
    expect(seen).not.toContain("/v2/unwatched");
  });
});
