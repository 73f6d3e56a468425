import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { inspect, promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { ContainerRegistryClient } from "../container-registry-client.ts";
import { RegistryError, TransportError } from "../errors/registry-error.ts";
import { abortOf, failureOf } from "../testing/client.ts";
import { HELLO, HELLO_DIGEST } from "../testing/content.ts";
import { recordLogs } from "../testing/logs.ts";
import { clientAt, serve, until } from "../testing/raw-server.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";

failOnUnhandled();

const ONCE = { retryOptions: { maxRetries: 0 } };
const GET_TAG = (client: ContainerRegistryClient, options = {}) => client.getTagProperties("app", "v1", options);

test("a registry that is not there is told with the system's code, after the retries", async () => {
  // A port that was free a moment ago.
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  const client = new ContainerRegistryClient(`http://127.0.0.1:${port}`, { retryOptions: { retryDelayInMs: 0 } });
  const error = await failureOf(GET_TAG(client), TransportError);
  expect(error.code).toBe("ECONNREFUSED");
  expect(error.message).toMatch(/^getTagProperties of app:v1 at 127\.0\.0\.1:\d+ failed: connect ECONNREFUSED/);
});

test("a connection that is cut before the answer is tried again", async () => {
  const server = await serve((request, response, index) => {
    if (index < 2) request.socket.destroy();
    else response.writeHead(404).end('{"errors":[{"code":"TAG_UNKNOWN","message":"no"}]}');
  });
  expect((await failureOf(GET_TAG(clientAt(server)), RegistryError)).code).toBe("TAG_UNKNOWN");
  expect(server.lines).toHaveLength(3);
});

test("an answer that is no HTTP is told as such", async () => {
  const server = await serve((request) => void request.socket.end("220 smtp.example ESMTP\r\n"));
  const error = await failureOf(GET_TAG(clientAt(server, ONCE)), TransportError);
  expect(error.code).toMatch(/^HPE_/);
});

describe("a registry that stays silent", () => {
  test("is given up by the idle timeout, and its connection closed", async () => {
    const server = await serve(() => {});
    const error = await failureOf(GET_TAG(clientAt(server, { ...ONCE, idleTimeoutInMs: 150 })), TransportError);
    expect(error.code).toBe("IDLE_TIMEOUT");
    await until(() => server.sockets.size === 0);
  }, 10_000);

  test("is given up by requestOptions.timeout, with an error that is no abort", async () => {
    const server = await serve(() => {});
    const error = await failureOf(GET_TAG(clientAt(server, ONCE), { requestOptions: { timeout: 30 } }), TransportError);
    expect(error.message).toContain("took longer than its timeout of 30 ms");
    expect(error.code).toBe("ETIMEDOUT");
    await until(() => server.sockets.size === 0);
  }, 10_000);

  test("is left by an abort", async () => {
    const controller = new AbortController();
    const server = await serve(() => controller.abort());
    await abortOf(GET_TAG(clientAt(server), { abortSignal: controller.signal }));
    await until(() => server.sockets.size === 0);
  }, 10_000);

  test("in the middle of an error's text does not hide the error", async () => {
    const server = await serve((_, response) => void response.writeHead(400).write('{"errors":['));
    const error = await failureOf(GET_TAG(clientAt(server, { ...ONCE, idleTimeoutInMs: 150 })), RegistryError);
    expect(error.statusCode).toBe(400);
    await until(() => server.sockets.size === 0);
  }, 10_000);
});

test("an error's text is read up to a bound", async () => {
  const server = await serve((_, response) => {
    response.writeHead(500);
    let sent = 0;
    const more = () => {
      // As good as endless.
      while (sent++ < 1_000 && response.write(Buffer.alloc(65_536, "x")));
    };
    response.on("drain", more);
    more();
  });
  const error = await failureOf(GET_TAG(clientAt(server, ONCE)), RegistryError);
  expect(error.statusCode).toBe(500);
  await until(() => server.sockets.size === 0);
}, 10_000);

test("neither credentials nor signatures get into a log or an error, with real connections behind them", async () => {
  const logs = recordLogs();
  const server = await serve((request, response) => {
    if (request.headers.authorization === undefined)
      return void response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
    if (request.url?.startsWith("/store")) return void request.socket.destroy();
    if (request.method === "GET") return void response.writeHead(307, { location: "/store?sig=s1gnature" }).end();
    response.writeHead(400, { location: "/elsewhere?sig=s1gnature" }).end("no");
  });
  const client = new ContainerRegistryClient(server.origin, { username: "user", password: "pa55-word" }, ONCE);
  const errors = [
    await failureOf(client.downloadBlob("app", HELLO_DIGEST), TransportError),
    await failureOf(client.uploadBlob("app", HELLO), RegistryError),
  ];
  for (const error of errors) {
    const shown = [
      inspect(error, { depth: 30, showHidden: true, getters: true }),
      JSON.stringify(error),
      error.stack,
    ].join("\n");
    for (const secret of ["pa55-word", btoa("user:pa55-word"), "s1gnature"]) expect(shown).not.toContain(secret);
  }
  // Everything that hangs on an error, not only what is printed: error reporters walk deeper than a console does.
  const reached = new Set<unknown>();
  const walk = (value: unknown): void => {
    if (typeof value === "string") {
      for (const secret of [btoa("user:pa55-word"), "s1gnature"]) expect(value).not.toContain(secret);
    }
    if (typeof value !== "object" || value === null || reached.has(value)) return;
    reached.add(value);
    for (const key of Reflect.ownKeys(value)) walk(Reflect.get(value, key));
  };
  errors.forEach(walk);
  expect(logs.length).toBeGreaterThan(5);
  for (const secret of ["pa55-word", btoa("user:pa55-word"), "s1gnature"])
    expect(logs.join("\n")).not.toContain(secret);
});

test("a process that has used a client ends by itself, with no timer or connection that holds it", async () => {
  const server = await serve((request, response) => {
    if (request.url?.includes("hang")) return void response.writeHead(200, { "content-length": "5" }).write("h");
    if (request.method === "GET") return void response.writeHead(200, { "content-length": "5" }).end(HELLO);
    request
      .resume()
      .on("end", () =>
        response.writeHead(request.method === "PUT" ? 201 : 202, { location: "/v2/app/blobs/uploads/u" }).end(),
      );
  });
  const program = `
    import { ContainerRegistryClient } from "@acrkit/client";
    const client = new ContainerRegistryClient(${JSON.stringify(server.origin)});
    await client.uploadBlob("app", "hello");
    await client.uploadBlob("app", (async function* () { yield "hello"; })());
    await (await client.downloadBlob("app", ${JSON.stringify(HELLO_DIGEST)})).bytes();
    for await (const _ of await client.downloadBlob("hang", ${JSON.stringify(HELLO_DIGEST)})) break;
    await client.downloadBlob("hang", ${JSON.stringify(HELLO_DIGEST)}, { abortSignal: AbortSignal.timeout(50) }).then((d) => d.bytes()).catch(() => {});
    console.log("done");
  `;
  const started = promisify(execFile)(
    process.execPath,
    ["--conditions=@acrkit/source", "--input-type=module", "--eval", program],
    { cwd: new URL("../..", import.meta.url), timeout: 20_000 },
  );
  expect((await started).stdout).toBe("done\n");
}, 30_000);
