import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf, MediaType } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConnectionCut, type Emulator, startEmulator } from "./index.ts";

/** Everything over real sockets, without TLS where that is not the point. */
describe("the emulator", () => {
  let emulator: Emulator;
  let basic: Record<string, string>;
  beforeAll(async () => {
    emulator = await startEmulator({ tls: false });
    basic = basicOf(emulator);
  });
  afterAll(() => emulator.close());

  const basicOf = ({ admin }: Emulator) => ({
    authorization: `Basic ${Buffer.from(`${admin?.username}:${admin?.password}`).toString("base64")}`,
  });
  const send = (method: string, target: string, init: RequestInit = {}, to = emulator) =>
    fetch(new URL(target, to.endpoint), { method, ...init, headers: { ...basicOf(to), ...init.headers } });
  const push = async (repository: string, content: string, digest: string, to = emulator) => {
    const started = await send("POST", `/v2/${repository}/blobs/uploads/`, {}, to);
    return send("PUT", `${started.headers.get("location")}&digest=${digest}`, { body: content }, to);
  };

  it("tells where it is and who may do everything", () => {
    expect(emulator.endpoint).toMatch(/^http:\/\/localhost:\d+$/);
    expect(emulator.loginServer).toBe(new URL(emulator.endpoint).host);
    expect(emulator.admin).toEqual({
      username: "acrkit",
      password: expect.stringMatching(/^.{32}$/),
      password2: expect.stringMatching(/^.{32}$/),
    });
    expect(emulator.certificate).toBe("");
  });

  it("calls itself what the client calls it", async () => {
    const { port } = new URL(emulator.endpoint);
    const answer = await fetch(`http://127.0.0.1:${port}/v2/`);
    expect(answer.headers.get("www-authenticate")).toBe(
      `Bearer realm="http://127.0.0.1:${port}/oauth2/token",service="127.0.0.1:${port}"`,
    );
  });

  it("exchanges the tokens of its credential, and those of narrower ones for less", async () => {
    const tokenFor = async (actions: readonly ("pull" | "metadata_read")[] | undefined, scope: string) => {
      const credential = actions === undefined ? emulator.credential : emulator.credentialFor({ actions });
      const { token, expiresOnTimestamp } = await credential.getToken("https://containerregistry.azure.net/.default");
      expect(expiresOnTimestamp).toBeGreaterThan(emulator.clock.now());
      const post = async (path: string, form: Record<string, string>) =>
        (await fetch(emulator.endpoint + path, { method: "POST", body: new URLSearchParams(form) })).json() as Promise<
          Record<string, string>
        >;
      const { refresh_token = "" } = await post("/oauth2/exchange", {
        grant_type: "access_token",
        access_token: token,
      });
      return (await post("/oauth2/token", { grant_type: "refresh_token", refresh_token, scope })).access_token;
    };
    const list = async (token: string | undefined) =>
      fetch(`${emulator.endpoint}/acr/v1/_catalog`, { headers: { authorization: `Bearer ${token}` } });
    expect((await list(await tokenFor(undefined, "registry:catalog:*"))).status).toBe(200);
    const refused = await list(await tokenFor(["pull", "metadata_read"], "registry:catalog:*"));
    expect(refused.headers.get("www-authenticate")).toContain("insufficient_scope");
  });

  it("serves a blob through a redirect that fetch follows, without the token", async () => {
    const digest = digestOf(Buffer.from("content"));
    expect((await push("app", "content", digest)).status).toBe(201);
    emulator.requests.clear();
    const answer = await send("GET", `/v2/app/blobs/${digest}`);
    expect(await answer.text()).toBe("content");
    expect(
      emulator.requests.entries.map(({ origin, method, status, operation }) => [origin, method, status, operation]),
    ).toEqual([
      ["registry", "GET", 307, "getBlob"],
      ["storage", "GET", 200, undefined],
    ]);
    expect(emulator.requests.entries[1]?.headers.authorization).toBeUndefined();
  });

  it("keeps repeated header lines and their spelling on the wire", async () => {
    const incoming = await raw("GET", "/v2/");
    const lines = incoming.rawHeaders.filter((_, index) => index % 2 === 0);
    expect(lines.filter((name) => name === "Access-Control-Expose-Headers")).toHaveLength(4);
    expect(lines.filter((name) => name === "Strict-Transport-Security")).toHaveLength(2);
    expect(lines).toContain("X-Ms-Correlation-Request-Id");
  });

  const raw = (method: string, path: string, headers: Record<string, string> = {}, body = "") =>
    new Promise<{ status: number; rawHeaders: string[]; text: string }>((resolve, reject) => {
      const { hostname, port } = new URL(emulator.endpoint);
      const outgoing = httpRequest({ hostname, port, method, path, headers }, async (incoming) => {
        let text = "";
        for await (const part of incoming) text += part;
        resolve({ status: incoming.statusCode ?? 0, rawHeaders: incoming.rawHeaders, text });
      });
      outgoing.on("error", reject);
      outgoing.end(body);
    });

  it.for([
    ["GET", "/%"],
    ["GET", "/v2/%ff/manifests/x"],
    ["GET", "//"],
    ["GET", "/v2/../../etc/passwd"],
    ["GET", "/v2/a%00b/tags/list"],
    ["OPTIONS", "*"],
    ["PROPFIND", "/nowhere"],
    ["TRACE", "/nowhere"],
    ["GET", `/${"a".repeat(8000)}`],
  ])("answers 404 to %s %s", async ([method = "", path = ""]) => {
    const answer = await raw(method, path);
    expect([answer.status, answer.text]).toEqual([404, "404 page not found\n"]);
  });

  it.for(["text/plain", "application/json", "nonsense", "a/b; c", "multipart/form-data", ""])(
    "takes bodies of any content type: '%s'",
    async (type) => {
      const { authorization = "" } = basic;
      const answer = await raw("PATCH", "/acr/v1/none", { authorization, "content-type": type }, "{}");
      expect(answer.status).toBe(404);
      expect(answer.text).toContain("NAME_UNKNOWN");
    },
  );

  it("answers HEAD with a length and no body, also when refusing (2.1)", async () => {
    const refused = await raw("HEAD", `/v2/app/blobs/sha256:${"0".repeat(64)}`);
    expect([refused.status, refused.text]).toEqual([401, ""]);
    expect(refused.rawHeaders.join()).toMatch(/Content-Length,[1-9]/);
  });

  it("survives requests that are no HTTP, and clients that go away", async () => {
    const { port } = new URL(emulator.endpoint);
    for (const text of [
      "nonsense\r\n\r\n",
      "GET / HTTP/1.1\r\n",
      "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc",
    ]) {
      const socket = connect(Number(port), "127.0.0.1");
      socket.on("error", () => {});
      await once(socket, "connect");
      socket.write(text);
      setTimeout(() => socket.destroy(), 20);
      await once(socket, "close");
    }
    expect((await fetch(`${emulator.endpoint}/v2/`)).status).toBe(401);
  });

  it("makes an upload invalid when its PATCH is cut off (5.2)", async () => {
    const started = await send("POST", "/v2/app/blobs/uploads/");
    const location = started.headers.get("location") ?? "";
    const { hostname, port } = new URL(emulator.endpoint);
    const { authorization = "" } = basic;
    const headers = { authorization, "content-length": 1000 };
    const outgoing = httpRequest({ hostname, port, method: "PATCH", path: location, headers });
    outgoing.on("error", () => {});
    // The connection is cut once the first bytes have reached the registry.
    const remove = emulator.intercept((request, next) => {
      async function* cutAfterFirst() {
        for await (const part of request.body) {
          yield part;
          outgoing.destroy();
        }
      }
      return next({ ...request, body: cutAfterFirst() });
    });
    outgoing.write("part of it");
    await new Promise((resolve) => outgoing.on("close", resolve));
    remove();
    await expect
      .poll(async () => (await send("PATCH", location, { body: "part of it" })).json() as Promise<unknown>)
      .toEqual({ errors: [{ code: "BLOB_UPLOAD_INVALID", message: "blob upload invalid" }] });
  });

  it("streams a large blob both ways", async () => {
    const part = Buffer.alloc(1024 * 1024, "acrkit");
    const parts = 64;
    const digest = digestOf(Buffer.concat(Array.from({ length: parts }, () => part)));
    const source = new ReadableStream({
      start(controller) {
        for (let index = 0; index < parts; index++) controller.enqueue(part);
        controller.close();
      },
    });
    const started = await send("POST", "/v2/large/blobs/uploads/");
    const patched = await send("PATCH", started.headers.get("location") ?? "", {
      body: source,
      duplex: "half",
    } as RequestInit);
    expect(patched.headers.get("range")).toBe(`0-${parts * part.byteLength - 1}`);
    expect((await send("PUT", `${patched.headers.get("location")}&digest=${digest}`)).status).toBe(201);
    const received = new Uint8Array(await (await send("GET", `/v2/large/blobs/${digest}`)).arrayBuffer());
    expect(digestOf(received)).toBe(digest);
  });

  it("refuses what is too large with an answer, and goes on with the same connection", async () => {
    const agent = new HttpAgent({ keepAlive: true, maxSockets: 1 });
    const { hostname, port } = new URL(emulator.endpoint);
    const sockets = new Set<unknown>();
    const put = (bytes: number) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { ...basic, "content-type": MediaType.ociManifest, "content-length": bytes };
        const outgoing = httpRequest({ agent, hostname, port, method: "PUT", path: "/v2/app/manifests/v1", headers });
        outgoing.on("socket", (socket) => sockets.add(socket));
        outgoing.on("error", reject);
        outgoing.on("response", (incoming) => incoming.resume().on("end", () => resolve(incoming.statusCode)));
        outgoing.end(Buffer.alloc(bytes));
      });
    expect([await put(20 * 1024 * 1024), await put(10), await put(20 * 1024 * 1024), await put(10)]).toEqual([
      413, 400, 413, 400,
    ]);
    expect(sockets.size).toBe(1);
    agent.destroy();
  });

  describe("intercepted", () => {
    it("answers for the protocol, changes its answers, and stops when removed", async () => {
      const remove = emulator.intercept(() => ({
        status: 429,
        headers: [
          ["Retry-After", "1"],
          ["Content-Length", "0"],
        ],
      }));
      const answer = await fetch(`${emulator.endpoint}/v2/`);
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "1"]);
      expect(emulator.requests.entries.at(-1)).toMatchObject({ status: 429, operation: "checkApi" });
      remove();
      expect((await fetch(`${emulator.endpoint}/v2/`)).status).toBe(401);
    });

    it("runs the last one first", async () => {
      const seen: string[] = [];
      const removes = ["first", "second"].map((name) =>
        emulator.intercept((request, next) => {
          seen.push(name);
          return next(request);
        }),
      );
      await fetch(`${emulator.endpoint}/v2/`);
      for (const remove of removes) remove();
      expect(seen).toEqual(["second", "first"]);
    });

    it("cuts the connection instead of an answer, and in the middle of one", async () => {
      const remove = emulator.intercept(() => {
        throw new ConnectionCut();
      });
      await expect(fetch(`${emulator.endpoint}/v2/`)).rejects.toThrow();
      expect(emulator.requests.entries.at(-1)?.status).toBe(0);
      remove();
      const removeSecond = emulator.intercept(() => ({
        status: 200,
        headers: [["Content-Length", "100"]],
        body: (async function* () {
          yield Buffer.from("half");
          throw new ConnectionCut();
        })(),
      }));
      await expect(fetch(`${emulator.endpoint}/v2/`).then((answer) => answer.text())).rejects.toThrow();
      removeSecond();
    });

    it("reaches the storage origin too", async () => {
      const digest = digestOf(Buffer.from("content"));
      const remove = emulator.intercept(async (request, next) => {
        const response = await next(request);
        return request.origin === "storage" ? { ...response, body: Buffer.from("CONTENT") } : response;
      });
      expect(await (await send("GET", `/v2/app/blobs/${digest}`)).text()).toBe("CONTENT");
      remove();
    });
  });

  describe("with TLS", () => {
    it("is trusted by its certificate, under each of this machine's names", async () => {
      await using secure = await startEmulator();
      expect(secure.endpoint).toMatch(/^https:\/\/localhost:/);
      const agent = new Agent({ ca: secure.certificate });
      for (const hostname of ["localhost", "127.0.0.1"]) {
        const outgoing = httpsRequest({ agent, hostname, port: new URL(secure.endpoint).port, path: "/v2/" });
        outgoing.end();
        const [incoming] = await once(outgoing, "response");
        incoming.resume();
        expect(incoming.statusCode).toBe(401);
        expect(incoming.headers["www-authenticate"]).toContain(`realm="https://${hostname}:`);
      }
      agent.destroy();
      await expect(fetch(`${secure.endpoint}/v2/`)).rejects.toThrow();
    });
  });

  describe("over a data folder", () => {
    it("keeps everything: content, tokens, states, links, the admin user", async () => {
      const dataFolder = await mkdtemp(join(tmpdir(), "acrkit-emulator-test-"));
      const options = { dataFolder, tls: false, loginServer: "registry.test" };
      const first = await startEmulator(options);
      const digest = digestOf(Buffer.from("kept"));
      await push("app", "kept", digest, first);
      const started = await send("POST", "/v2/app/blobs/uploads/", {}, first);
      await first.close();
      await using second = await startEmulator(options);
      expect(second.admin).toEqual(first.admin);
      expect(second.admin?.username).toBe("registry");
      expect(await (await send("GET", `/v2/app/blobs/${digest}`, {}, second)).text()).toBe("kept");
      const patched = await send("PATCH", started.headers.get("location") ?? "", { body: "more" }, second);
      expect(patched.status).toBe(202);
      await expect(startEmulator(options)).rejects.toThrow(/is in use by another emulator/);
      await second.close();
      await rm(dataFolder, { recursive: true });
    });

    it("removes a temporary one when closed, and may be closed twice", async () => {
      const own = await startEmulator({ tls: false });
      expect(existsSync(own.dataFolder)).toBe(true);
      await Promise.all([own.close(), own.close()]);
      await own.close();
      expect(existsSync(own.dataFolder)).toBe(false);
    });

    it("lets go of the folder when its port is taken", async () => {
      const dataFolder = await mkdtemp(join(tmpdir(), "acrkit-emulator-test-"));
      const port = Number(new URL(emulator.endpoint).port);
      await expect(startEmulator({ tls: false, dataFolder, port })).rejects.toThrow(/EADDRINUSE/);
      await (await startEmulator({ tls: false, dataFolder })).close();
      await rm(dataFolder, { recursive: true });
    });
  });

  it("can be without an admin user, or with a given one", async () => {
    await using none = await startEmulator({ tls: false, adminUser: false });
    expect(none.admin).toBeUndefined();
    expect((await send("GET", "/v2/", { headers: basic }, none)).status).toBe(401);
    const adminUser = { username: "me", password: "pass:word" };
    await using given = await startEmulator({ tls: false, adminUser });
    expect((await send("GET", "/v2/", {}, given)).status).toBe(200);
  });

  it("redirects to a host of another name, so that no client takes its token along (5.5)", async () => {
    const content = "elsewhere";
    const digest = digestOf(Buffer.from(content));
    await push("app", content, digest);
    const { port } = new URL(emulator.endpoint);
    for (const [registry, storage] of [
      ["localhost", "127.0.0.1"],
      ["127.0.0.1", "localhost"],
    ]) {
      const url = `http://${registry}:${port}/v2/app/blobs/${digest}`;
      const answer = await fetch(url, { headers: basic, redirect: "manual" });
      expect(new URL(answer.headers.get("location") ?? "").hostname).toBe(storage);
      expect(await (await fetch(url, { headers: basic })).text()).toBe(content);
    }
  });

  it("is moved in time by its clock", async () => {
    await using own = await startEmulator({ tls: false, now: () => Date.UTC(2023, 0, 1) });
    own.clock.advance(1000);
    await own.store.blobs.put("app", Buffer.from("{}"));
    const manifest = JSON.stringify({
      schemaVersion: 2,
      config: { mediaType: MediaType.ociEmpty, digest: digestOf(Buffer.from("{}")), size: 2 },
      layers: [],
    });
    const headers = { "content-type": MediaType.ociManifest };
    await send("PUT", "/v2/app/manifests/v1", { body: manifest, headers }, own);
    const answer = await send("GET", "/acr/v1/app", {}, own);
    expect(await answer.json()).toMatchObject({ createdTime: expect.stringMatching(/^2023-01-01T00:00:01/) });
  });

  it("gives programs a file to trust, and keeps its data folder out of a project's git", async () => {
    const dataFolder = await mkdtemp(join(tmpdir(), "acrkit-emulator-test-"));
    const own = await startEmulator({ dataFolder });
    try {
      expect(await readFile(own.certificateFile ?? "", "utf8")).toBe(own.certificate);
      expect(await readFile(join(dataFolder, ".gitignore"), "utf8")).toBe("*\n");
      expect(own.storageEndpoint).toMatch(/^https:\/\/localhost:\d+$/);
    } finally {
      await own.close();
      await rm(dataFolder, { recursive: true });
    }
    expect(emulator.certificateFile).toBeUndefined();
  });

  it("closes everything else when something does not close", async () => {
    const own = await startEmulator({ tls: false });
    const { close } = own.store;
    Object.assign(own.store, {
      close() {
        close.call(own.store);
        throw new Error("the store does not close");
      },
    });
    await expect(own.close()).rejects.toThrow("the store does not close");
    expect(existsSync(own.dataFolder)).toBe(false);
  });

  it("takes scope maps back at a reset", async () => {
    const own = await startEmulator({ tls: false });
    own.access.setScopeMap("leaky", { "*": ["content/read"] });
    await own.reset();
    expect(() => own.access.setToken("late", { scopeMap: "leaky" })).toThrow(/no scope map "leaky"/);
    await own.close();
  });
});
