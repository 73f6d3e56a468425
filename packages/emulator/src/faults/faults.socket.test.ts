import { execFile } from "node:child_process";
import { once } from "node:events";
import { readdir, stat } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import { type Digest, digestOf, MediaType } from "@acrkit/oci";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../emulator.ts";
import { Faults } from "./faults.ts";

const content = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => index % 251));
const digest = digestOf(content);

const basicOf = ({ admin }: Emulator) =>
  `Basic ${Buffer.from(`${admin?.username}:${admin?.password}`).toString("base64")}`;

describe("faults on the wire", () => {
  let emulator: Emulator;
  let large: Digest;
  const faults = new Faults();
  beforeAll(async () => {
    emulator = await startEmulator({ tls: false, now: () => Date.now() + faults.skewMs });
    emulator.intercept((request, next) => faults.around(next)(request));
    await emulator.store.blobs.put("app", content);
    large = await emulator.store.blobs.put("app", Buffer.alloc(12_000_000, "acrkit"));
  });
  afterEach(() => faults.clear());
  afterAll(() => emulator.close());

  const send = (method: string, target: string, init: RequestInit = {}) =>
    fetch(new URL(target, emulator.endpoint), {
      method,
      ...init,
      headers: { authorization: basicOf(emulator), ...init.headers },
    });
  const downloadUrl = async (blob = digest) => {
    const answer = await send("GET", `/v2/app/blobs/${blob}`, { redirect: "manual" });
    return new URL(answer.headers.get("location") ?? "");
  };

  /** What arrives before the connection ends. `onData` may slow it down. */
  const received = async (socket: Socket, url: URL, onData: () => void = () => {}) => {
    const parts: Buffer[] = [];
    socket.on("data", (part: Buffer) => {
      parts.push(part);
      onData();
    });
    socket.on("error", () => {});
    socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`);
    await once(socket, "close");
    const all = Buffer.concat(parts);
    const end = all.indexOf("\r\n\r\n");
    return { head: all.subarray(0, end).toString(), body: all.subarray(end + 4) };
  };

  it.for([0, 1, 1000, 65_536, 100_000, 1_048_576, 2_999_999])(
    "cut-response: %i bytes get through, to the byte",
    async (after) => {
      faults.add({ origin: "storage", fault: { kind: "cut-response", after } });
      const url = await downloadUrl();
      const { head, body } = await received(connect(Number(url.port), url.hostname), url);
      expect(head).toMatch(/^HTTP\/1.1 200 OK\r\nContent-Length: 3000000\r\n/);
      expect(body.equals(content.subarray(0, after))).toBe(true);
      expect(faults.fired).toMatchObject([{ origin: "storage", fault: { after } }]);
    },
  );

  it("cut-response: a client that is slow gets them all the same", async () => {
    faults.add({ origin: "storage", fault: { kind: "cut-response", after: 7_344_032 } });
    const url = await downloadUrl(large);
    const socket = connect(Number(url.port), url.hostname);
    // More than the sockets hold between them is waiting by the time it reads on.
    let paused = false;
    const { body } = await received(socket, url, () => {
      if (paused) return;
      paused = true;
      socket.pause();
      setTimeout(() => socket.resume(), 200);
    });
    expect(body.byteLength).toBe(7_344_032);
  });

  it("cut-response, with TLS", async () => {
    await using secure = await startEmulator();
    secure.intercept((request, next) => faults.around(next)(request));
    faults.add({ fault: { kind: "cut-response", after: 10 } });
    const url = new URL("/v2/nowhere/at/all", secure.endpoint);
    const socket = connectTls({ port: Number(url.port), host: "localhost", ca: secure.certificate });
    const { head, body } = await received(socket, url);
    expect([head.slice(0, 12), body.toString()]).toEqual(["HTTP/1.1 404", "404 page n"]);
  });

  it("cut-response of an answer in chunks", async () => {
    faults.add({ path: "/oauth2/token", fault: { kind: "cut-response", after: 10 } });
    await expect(
      send("GET", "/oauth2/token?scope=registry:catalog:*").then((answer) => answer.text()),
    ).rejects.toThrow();
    expect(faults.fired).toHaveLength(1);
  });

  it("cut-request: the bytes that came stay in the upload, and make it invalid (5.2)", async () => {
    const started = await send("POST", "/v2/app/blobs/uploads/");
    const location = started.headers.get("location") ?? "";
    const uuid = started.headers.get("docker-upload-uuid") ?? "";
    const remove = faults.add({ operation: "patchUpload", fault: { kind: "cut-request", after: 1_234_567 } });
    await expect(send("PATCH", location, { body: content })).rejects.toThrow();
    expect(emulator.requests.entries.at(-1)).toMatchObject({ operation: "patchUpload", status: 0 });
    const [file = ""] = (await readdir(emulator.dataFolder, { recursive: true })).filter((name) => name.includes(uuid));
    expect((await stat(join(emulator.dataFolder, file))).size).toBe(1_234_567);
    remove();
    const again = await send("PATCH", location, { body: content });
    expect([again.status, await again.json()]).toMatchObject([404, { errors: [{ code: "BLOB_UPLOAD_INVALID" }] }]);
  });

  it("cut-request at once: the registry sees nothing of it", async () => {
    faults.add({ operation: "startUpload", times: 1, fault: { kind: "cut-request" } });
    await expect(send("POST", "/v2/app/blobs/uploads/")).rejects.toThrow();
    expect((await send("POST", "/v2/app/blobs/uploads/")).status).toBe(202);
  });

  it("lose-response: the manifest is there, its confirmation is not", async () => {
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      config: { mediaType: MediaType.ociEmpty, digest, size: content.byteLength },
      layers: [],
    });
    faults.add({ operation: "putManifest", fault: { kind: "lose-response" } });
    const headers = { "content-type": MediaType.ociManifest };
    await expect(send("PUT", "/v2/app/manifests/v1", { body: manifest, headers })).rejects.toThrow();
    const stored = await send("GET", "/v2/app/manifests/v1", { headers: { accept: MediaType.ociManifest } });
    expect(await stored.text()).toBe(manifest);
  });

  it("truncate-response: a promise that is not kept ends the connection, in order", async () => {
    faults.add({ origin: "storage", fault: { kind: "truncate-response", after: 70_000 } });
    const url = await downloadUrl();
    const { head, body } = await received(connect(Number(url.port), url.hostname), url);
    expect(head).toContain("Content-Length: 3000000\r\n");
    expect(head).toContain("Connection: close");
    expect(body.equals(content.subarray(0, 70_000))).toBe(true);
    await expect(fetch(url).then((answer) => answer.arrayBuffer())).rejects.toThrow();
  });

  it("truncate-response, adjusted: nothing but the content tells", async () => {
    faults.add({ origin: "storage", fault: { kind: "truncate-response", after: 70_000, contentLength: "adjusted" } });
    const answer = await fetch(await downloadUrl());
    expect(answer.headers.get("content-length")).toBe("70000");
    expect((await answer.arrayBuffer()).byteLength).toBe(70_000);
  });

  it("corrupt-response: as long as before, one bit different", async () => {
    faults.add({ origin: "storage", fault: { kind: "corrupt-response" } });
    const bytes = new Uint8Array(await (await fetch(await downloadUrl())).arrayBuffer());
    expect(bytes.byteLength).toBe(content.byteLength);
    expect(bytes.reduce((count, byte, at) => count + (byte === content[at] ? 0 : 1), 0)).toBe(1);
  });

  it("corrupt-request: the registry notices by the digest", async () => {
    const started = await send("POST", "/v2/app/blobs/uploads/");
    faults.add({ operation: "finishUpload", fault: { kind: "corrupt-request" } });
    const answer = await send("PUT", `${started.headers.get("location")}&digest=${digest}`, { body: content });
    expect([answer.status, await answer.json()]).toMatchObject([400, { errors: [{ code: "DIGEST_INVALID" }] }]);
  });

  it("expire-token: the registry's own challenge (2.1)", async () => {
    const answer = await send("GET", "/oauth2/token?scope=registry:catalog:*");
    const { access_token } = (await answer.json()) as { access_token: string };
    const headers = { authorization: `Bearer ${access_token}` };
    faults.add({ operation: "listRepositories", times: 1, fault: { kind: "expire-token" } });
    const refused = await send("GET", "/acr/v1/_catalog", { headers });
    const { host } = new URL(emulator.endpoint);
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      401,
      `Bearer realm="http://${host}/oauth2/token",service="${host}",scope="registry:catalog:*",error="invalid_token"`,
    ]);
    expect((await send("GET", "/acr/v1/_catalog", { headers })).status).toBe(200);
  });

  it("expire-url: the storage's own refusal (5.5)", async () => {
    faults.add({ times: 1, fault: { kind: "expire-url" } });
    const url = await downloadUrl();
    const refused = await fetch(url);
    expect([refused.status, refused.headers.get("x-ms-error-code")]).toEqual([403, "AuthenticationFailed"]);
    expect((await fetch(url)).status).toBe(200);
  });

  it("skew-clock: what is issued by a clock that is behind is over for one that is not", async () => {
    const remove = faults.add({ fault: { kind: "skew-clock", ms: -86_400_000 } });
    const answer = await send("GET", "/oauth2/token?scope=registry:catalog:*");
    expect(Date.now() - Date.parse(answer.headers.get("date") ?? "")).toBeGreaterThan(86_000_000);
    const { access_token } = (await answer.json()) as { access_token: string };
    const headers = { authorization: `Bearer ${access_token}` };
    expect((await send("GET", "/acr/v1/_catalog", { headers })).status).toBe(200);
    const url = await downloadUrl();
    expect((await fetch(url, { method: "HEAD" })).status).toBe(200);
    remove();
    expect((await send("GET", "/acr/v1/_catalog", { headers })).status).toBe(401);
    expect((await fetch(url, { method: "HEAD" })).status).toBe(403);
  });

  it("error: what was sent is still read, so that the connection can be used again", async () => {
    const started = await send("POST", "/v2/app/blobs/uploads/");
    faults.add({ operation: "patchUpload", times: 1, fault: { kind: "error", status: 429, retryAfter: 3 } });
    const location = started.headers.get("location") ?? "";
    const refused = await send("PATCH", location, { body: content });
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "3"]);
    expect((await send("PATCH", location, { body: content })).status).toBe(202);
  });

  it("error: HEAD gets no body", async () => {
    faults.add({ fault: { kind: "error", status: 503 } });
    const answer = await send("HEAD", `/v2/app/blobs/${digest}`);
    expect([answer.status, await answer.text()]).toEqual([503, ""]);
    expect(Number(answer.headers.get("content-length"))).toBeGreaterThan(50);
  });

  it("slow-response: takes its time, and stops when the client goes away", async () => {
    faults.add({ origin: "storage", fault: { kind: "slow-response", bytesPerSecond: 100_000 } });
    const { hostname, port, pathname, search } = await downloadUrl();
    let closed = false;
    const remove = emulator.intercept(async (request, next) => {
      const response = await next(request);
      async function* watched() {
        try {
          yield* response.body as AsyncIterable<Uint8Array>;
        } finally {
          closed = true;
        }
      }
      return { ...response, body: watched() };
    });
    const outgoing = httpRequest({ hostname, port, path: pathname + search }).end();
    outgoing.on("error", () => {});
    const [incoming] = await once(outgoing, "response");
    incoming.on("error", () => {});
    let seen = 0;
    incoming.on("data", (part: Buffer) => {
      seen += part.byteLength;
      if (seen >= 10_000) outgoing.destroy();
    });
    await new Promise((resolve) => incoming.on("close", resolve));
    expect(seen).toBeLessThan(200_000);
    await expect.poll(() => closed).toBe(true);
    remove();
  });

  it("slow-request: holds the client back", async () => {
    const started = await send("POST", "/v2/app/blobs/uploads/");
    faults.add({ operation: "patchUpload", fault: { kind: "slow-request", bytesPerSecond: 50_000 } });
    const before = performance.now();
    const answer = await send("PATCH", started.headers.get("location") ?? "", { body: content.subarray(0, 10_000) });
    expect(answer.headers.get("range")).toBe("0-9999");
    // 200 ms, less the twentieth of a second that may be made up for.
    expect(performance.now() - before).toBeGreaterThan(140);
  });
});

describe("faults at the end", () => {
  it("let an emulator close at once, whoever waits", async () => {
    const faults = new Faults();
    const emulator = await startEmulator({ tls: false });
    emulator.intercept((request, next) => faults.around(next)(request));
    faults.add({ fault: { kind: "delay", ms: 1_000_000 } });
    const waiting = fetch(`${emulator.endpoint}/v2/`);
    waiting.catch(() => {});
    await expect.poll(() => faults.fired.length).toBe(1);
    faults.close();
    await emulator.close();
    await expect(waiting).rejects.toThrow();
  });

  it("do not keep a process alive", async () => {
    const script = `
      import { Faults } from ${JSON.stringify(import.meta.resolve("./faults.ts"))};
      const faults = new Faults();
      faults.add({ fault: { kind: "delay", ms: 1_000_000 } });
      void faults.around(async () => ({ status: 200, headers: [] }))({ origin: "registry", method: "GET", path: "/v2/", headers: {} });
      console.log(faults.fired.length);`;
    const args = ["--conditions=@acrkit/source", "--input-type=module", "--eval", script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
    expect(stdout).toBe("1\n");
  });
});
