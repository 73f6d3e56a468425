import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { bytesAnswer, emptyAnswer, textAnswer } from "../protocol/answers.ts";
import type { EmulatorRequest, EmulatorResponse, Handler } from "../protocol/message.ts";
import { createAuthority, createServerCertificate } from "./certificate.ts";
import { type Listener, type ListenOptions, listen } from "./listener.ts";

let listeners: Listener[] = [];
let sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(listeners.map((listener) => listener.close()));
  [listeners, sockets] = [[], []];
});

const now = () => Date.UTC(2023, 0, 1);
const page = (title: string, more = "") =>
  `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n${more}<hr><center>openresty</center>\r\n</body>\r\n</html>\r\n`;

async function serve(handler: Handler, options: Partial<ListenOptions> = {}): Promise<Listener> {
  const served = { origin: "registry" as const, handler, now };
  const listener = await listen(served, { host: "127.0.0.1", port: 0, tls: undefined, ...options });
  listeners.push(listener);
  return listener;
}

/** A server that notes what reaches its handler, and reads bodies to their end. */
async function serveEcho(options: Partial<ListenOptions> = {}) {
  const seen: string[] = [];
  const listener = await serve(async (request) => {
    seen.push(`${request.method} ${request.path}`);
    return textAnswer(200, "text/plain", `${request.path} ${await bodyOf(request)}\n`);
  }, options);
  return { ...listener, seen };
}

async function bodyOf({ body }: EmulatorRequest): Promise<string> {
  let text = "";
  for await (const part of body) text += Buffer.from(part).toString("latin1");
  return text;
}

async function dial(listener: Listener): Promise<Socket> {
  const socket = connect(listener.port, "127.0.0.1");
  sockets.push(socket);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Sends bytes, and gives everything that comes back until the server closes the connection or `isEnough`. */
async function converse(listener: Listener, text: string, isEnough: (received: string) => boolean = () => false) {
  const socket = await dial(listener);
  socket.write(text, "latin1");
  return receive(socket, isEnough);
}

async function receive(socket: Socket, isEnough: (received: string) => boolean = () => false): Promise<string> {
  let received = "";
  await new Promise<void>((resolve) => {
    socket.on("data", (part) => {
      received += part.toString("latin1");
      if (isEnough(received)) resolve();
    });
    socket.on("close", resolve);
    socket.on("end", resolve);
  });
  return received;
}

async function secured(socket: Socket, ca: string): Promise<TLSSocket> {
  const secure = connectTls({ socket, host: "localhost", ca });
  secure.on("error", () => {});
  await once(secure, "secureConnect");
  return secure;
}

/** Whatever happened: others are served. */
async function expectServing(listener: Listener) {
  const answer = await converse(listener, "GET /alive HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
}

describe("a client that keeps the server waiting", () => {
  it("with the head of a request is cut off", async () => {
    const listener = await serveEcho({ timeouts: { headMs: 100, checkMs: 20 } });
    const socket = await dial(listener);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n");
    const drip = setInterval(() => socket.write("a: b\r\n"), 10);
    const answer = await receive(socket);
    clearInterval(drip);
    expect(answer).toContain("HTTP/1.1 408 Request Timeout\r\n");
    expect(answer).toContain(page("408 Request Time-out"));
    expect(listener.seen).toEqual([]);
    await expectServing(listener);
  });

  it("with the body is cut off after an idle time", async () => {
    let failure: unknown;
    const listener = await serve(
      async (request) => {
        await bodyOf(request).catch((error: unknown) => {
          failure = error;
        });
        return emptyAnswer(200);
      },
      { timeouts: { idleMs: 100 } },
    );
    expect(await converse(listener, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")).toBe("");
    await expect.poll(() => failure).toBeInstanceOf(Error);
    await expectServing(listener);
  });

  it("may take as long as it likes while something comes", async () => {
    const listener = await serveEcho({ timeouts: { idleMs: 500 } });
    const socket = await dial(listener);
    socket.write("PUT /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\n");
    const receiving = receive(socket);
    for (const letter of "abcdefghij") {
      await sleep(100);
      socket.write(letter);
    }
    expect(await receiving).toContain("/slow abcdefghij\n");
  });

  it("by not reading its answer is cut off, and the body closed", async () => {
    let isClosed = false;
    let chunks = 0;
    const endless = async function* () {
      try {
        for (; ; chunks++) yield Buffer.alloc(65_536);
      } finally {
        isClosed = true;
      }
    };
    const listener = await serve(
      async (request) => (request.path === "/alive" ? emptyAnswer(200) : { status: 200, headers: [], body: endless() }),
      { timeouts: { idleMs: 100 } },
    );
    const socket = await dial(listener);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    socket.pause();
    await expect.poll(() => isClosed, { timeout: 20_000 }).toBe(true);
    // What the kernel's buffers took, and no more: a few MiB, whatever it would have been.
    expect(chunks * 65_536).toBeLessThan(64 * 1024 * 1024);
    await expectServing(listener);
  });

  it("is not cut off while it is the server that takes its time", async () => {
    const listener = await serve(
      async () => {
        await sleep(300);
        return textAnswer(200, "text/plain", "late");
      },
      { timeouts: { idleMs: 50 } },
    );
    for (const body of ["", "Content-Length: 4\r\n"]) {
      const answer = await converse(
        listener,
        `GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${body}\r\n${body === "" ? "" : "body"}`,
      );
      expect(answer).toMatch(/late$/);
    }
  });

  it("is not cut off while it is the answer's source that stalls", async () => {
    const stalling = async function* () {
      yield Buffer.from("early ");
      await sleep(300);
      yield Buffer.from("late");
    };
    const listener = await serve(async () => ({ status: 200, headers: [["Connection", "close"]], body: stalling() }), {
      timeouts: { idleMs: 50 },
    });
    expect(await converse(listener, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")).toMatch(/early [\s\S]*late/);
  });

  it("before it has said anything is cut off", async () => {
    const listener = await serveEcho({ timeouts: { idleMs: 100, headMs: 100, checkMs: 20 } });
    await once((await dial(listener)).resume(), "close");
  });
});

describe("what is no request for a registry", () => {
  const big = "x".repeat(40_000);
  it.for([
    ["nonsense", "nonsense\r\n\r\n"],
    ["the start of a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00"],
    ["another protocol", "SSH-2.0-OpenSSH_9.6\r\n"],
    ["HTTP/2 without a handshake", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["a control character in a header", "GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n"],
    ["a line feed alone between headers", "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n"],
    ["a space before a header's colon", "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n"],
    ["a length that is no number", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nabcde"],
    ["two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"],
    [
      "a length and chunks, as for smuggling a request",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    [
      "chunks that are not the last encoding",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    ],
    ["a byte beyond ASCII in the address", "GET /v2/\xe9 HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["an unknown method", "FETCH / HTTP/1.1\r\nHost: x\r\n\r\n"],
  ] as const)("%s is a bad request", async ([, text]) => {
    const listener = await serveEcho();
    const answer = await converse(listener, text);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toContain("Server: openresty\r\n");
    expect(answer).toContain("Connection: close\r\n");
    expect(answer.endsWith(page("400 Bad Request"))).toBe(true);
    expect(listener.seen).toEqual([]);
    await expectServing(listener);
  });

  it.for([
    ["one header", `GET / HTTP/1.1\r\nHost: x\r\nCookie: ${big}\r\n\r\n`],
    ["many headers", `GET / HTTP/1.1\r\nHost: x\r\n${"A: bcdefghijklmnopqrstuvwxyz\r\n".repeat(2000)}\r\n`],
    ["the address", `GET /${big} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ] as const)("a head that is too large for %s is refused as nginx does", async ([, text]) => {
    const listener = await serveEcho();
    const answer = await converse(listener, text);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toContain("<center>Request Header Or Cookie Too Large</center>");
    expect(listener.seen).toEqual([]);
    await expectServing(listener);
  });

  it("an address that is too long, in a head that is not, is refused by its own status", async () => {
    const listener = await serveEcho();
    const isWhole = (received: string) => received.endsWith("</html>\r\n");
    const answer = await converse(listener, `GET /${"x".repeat(9000)} HTTP/1.1\r\nHost: x\r\n\r\n`, isWhole);
    expect(answer).toMatch(/^HTTP\/1\.1 414 /);
    expect(answer).toContain(page("414 Request-URI Too Large"));
    expect(listener.seen).toEqual([]);
  });

  it("CONNECT is refused", async () => {
    const listener = await serveEcho();
    const answer = await converse(listener, "CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n");
    expect(answer).toMatch(/^HTTP\/1\.1 405 Method Not Allowed\r\n/);
    expect(listener.seen).toEqual([]);
  });

  it.for([
    ["CONNECT", "CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n"],
    ["a wish for another protocol", "GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"],
    ["nonsense", "nonsense\r\n\r\n"],
  ] as const)("%s from a client that is gone at once does no harm", async ([, text]) => {
    const authority = createAuthority(Date.now());
    const certificate = createServerCertificate(authority, ["localhost"], Date.now());
    const failures: unknown[] = [];
    const note = (error: unknown) => failures.push(error);
    process.on("uncaughtException", note);
    for (const tls of [undefined, { ...certificate, authority: authority.certificate }]) {
      const listener = await serveEcho({ tls });
      for (let waitMs = 0; waitMs < 8; waitMs++) {
        const socket = await dial(listener);
        const talking: Socket = tls === undefined ? socket : await secured(socket, tls.authority);
        talking.write(text);
        await sleep(waitMs % 4);
        socket.resetAndDestroy();
      }
      await sleep(50);
      if (tls === undefined) await expectServing(listener);
    }
    process.off("uncaughtException", note);
    expect(failures).toEqual([]);
  });

  it("a wish for another protocol is not heard", async () => {
    const listener = await serveEcho();
    const wish = "Connection: Upgrade, close\r\nUpgrade: websocket\r\n";
    const answer = await converse(listener, `GET /a HTTP/1.1\r\nHost: x\r\n${wish}\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(listener.seen).toEqual(["GET /a"]);
  });

  it("chunks that are malformed end the connection, not the server", async () => {
    const listener = await serveEcho();
    const answer = await converse(
      listener,
      "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nzz\r\n",
    );
    expect(answer).toBe("");
    await expectServing(listener);
  });
});

describe("addresses", () => {
  it.for([
    "/v2/../../etc/passwd",
    "/v2/%2e%2e/%2e%2e/etc/passwd",
    "/v2/%252e%252e/etc",
    "/v2/..\\..\\etc",
    "/v2/%5c..%5c",
    "/v2/a%00b",
    "/v2/%",
    "/v2/%ff%fe",
    "//evil.example/v2/",
    "*",
  ])("reach the handler as they were sent: %s", async (path) => {
    const listener = await serveEcho();
    const method = path === "*" ? "OPTIONS" : "GET";
    await converse(listener, `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(listener.seen).toEqual([`${method} ${path}`]);
  });

  it.for([
    ["http://other.example:81/v2/a%2Fb?n=1", "other.example:81 /v2/a%2Fb n=1"],
    ["HTTPS://other.example/", "other.example / "],
    ["http://other.example", "other.example / "],
    ["http://other.example?n=1", "other.example / n=1"],
    ["ftp://other.example/", "x ftp://other.example/ "],
    ["/http://other.example/", "x /http://other.example/ "],
  ] as const)("may say the host as for a proxy, which counts then: %s", async ([target, expected]) => {
    const listener = await serve(async ({ headers, path, query }) =>
      textAnswer(200, "text/plain", `<${headers.host} ${path} ${query}>`),
    );
    const answer = await converse(listener, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(answer).toContain(`<${expected}>`);
  });
});

describe("a client of HTTP/1.0", () => {
  it.for([
    ["bytes", () => Buffer.from("a body")],
    [
      "a stream",
      async function* () {
        yield* [Buffer.from("a "), Buffer.from("body")];
      },
    ],
  ] as const)("gets a body that is known by its chunks up to the connection's end: %s", async ([, body]) => {
    const listener = await serve(async () => ({
      status: 200,
      headers: [
        ["Transfer-Encoding", "chunked"],
        ["Connection", "keep-alive"],
      ],
      body: body(),
    }));
    const answer = await converse(listener, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    expect(answer).toMatch(/\r\nConnection: close\r\n[\s\S]*\r\n\r\na body$/);
    expect(answer).not.toMatch(/transfer-encoding|keep-alive/i);
  });
});

describe("a client that asks before it sends", () => {
  const head = (length: number, more = "") =>
    `PUT /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n${more}\r\n`;

  it("is told to go on when its body is read", async () => {
    const listener = await serveEcho();
    const socket = await dial(listener);
    socket.write(head(5, "Connection: close\r\n"));
    expect(await receive(socket, (text) => text.includes("\r\n\r\n"))).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    socket.write("hello");
    expect(await receive(socket)).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\/a hello\n$/);
  });

  it("is not when it is refused: then the connection ends, as the body might come or not", async () => {
    const listener = await serve(async () => ({
      status: 401,
      headers: [
        ["Connection", "keep-alive"],
        ["Content-Length", "0"],
      ],
    }));
    const answer = await converse(listener, head(1_000_000));
    expect(answer).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n/);
    expect(answer).toContain("Connection: close\r\n");
    expect(answer).not.toContain("keep-alive");
    expect(answer).not.toContain("Continue");
  });

  it("with an expectation of its own invention is served all the same", async () => {
    const listener = await serveEcho();
    const answer = await converse(
      listener,
      "GET /a HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\nConnection: close\r\n\r\n",
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });
});

describe("many requests", () => {
  it("in one go are answered in order", async () => {
    const listener = await serve(async (request) => {
      // The first ones take longest.
      await sleep(50 - Number(request.path.slice(1)) * 10);
      return textAnswer(200, "text/plain", `<${request.path}>`);
    });
    const all = [0, 1, 2, 3, 4].map((index) => `GET /${index} HTTP/1.1\r\nHost: x\r\n\r\n`).join("");
    const answers = await converse(listener, all, (received) => received.includes("</4>"));
    expect(answers.match(/<\/\d>/g)).toEqual(["</0>", "</1>", "</2>", "</3>", "</4>"]);
  });

  it("over one connection leave no listeners behind", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on("warning", note);
    const counts: number[] = [];
    const listener = await serve(async () => textAnswer(200, "text/plain", "x"));
    const socket = await dial(listener);
    for (let index = 0; index < 50; index++) {
      socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(4));
      let answers = 0;
      while (answers < 4) answers += (await once(socket, "data"))[0].toString().split("HTTP/1.1 200").length - 1;
      counts.push(answers);
    }
    await sleep(10);
    process.off("warning", note);
    expect(counts).toEqual(Array.from({ length: 50 }, () => 4));
    expect(warnings).toEqual([]);
  });

  it("over many connections, most of them idle, are answered; closing closes them all", async () => {
    const listener = await serveEcho();
    const all = await Promise.all(Array.from({ length: 300 }, () => dial(listener)));
    const closed = Promise.all(all.map((socket) => once(socket, "close")));
    await expectServing(listener);
    for (const socket of all) socket.resume();
    await listener.close();
    await closed;
  });
});

describe("closing", () => {
  const slowly = (release: Promise<void>): Handler => {
    return async (): Promise<EmulatorResponse> => {
      await release;
      return bytesAnswer(200, "text/plain", Buffer.from("done"));
    };
  };

  it("with grace lets requests under way end, and accepts no others", async () => {
    let release = () => {};
    const listener = await serve(
      slowly(
        new Promise((resolve) => {
          release = resolve;
        }),
      ),
    );
    const idle = await dial(listener);
    const socket = await dial(listener);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await sleep(50);
    const closing = listener.close({ graceMs: 30_000 });
    const refused = connect(listener.port, "127.0.0.1");
    expect(((await once(refused, "error")) as [NodeJS.ErrnoException])[0].code).toBe("ECONNREFUSED");
    const answer = receive(socket);
    release();
    expect(await answer).toMatch(/done$/);
    await closing;
    if (!idle.closed) await once(idle.resume(), "close");
  });

  it("with grace cuts what takes longer", async () => {
    const listener = await serve(slowly(new Promise(() => {})));
    const socket = await dial(listener);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await sleep(50);
    const answer = receive(socket);
    await listener.close({ graceMs: 50 });
    expect(await answer).toBe("");
  });

  it("does not wait for a download that nobody reads", async () => {
    const body = async function* () {
      for (;;) yield Buffer.alloc(65_536);
    };
    const listener = await serve(async () => ({ status: 200, headers: [], body: body() }));
    const socket = await dial(listener);
    socket.pause();
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await sleep(50);
    await listener.close();
  });

  it("does not wait for a TLS handshake that does not come", async () => {
    const authority = createAuthority(Date.now());
    const tls = {
      ...createServerCertificate(authority, ["localhost"], Date.now()),
      authority: authority.certificate,
    };
    const listener = await serveEcho({ tls });
    const socket = await dial(listener);
    const secure = connectTls({ port: listener.port, host: "localhost", ca: authority.certificate });
    secure.on("error", () => {});
    await once(secure, "secureConnect");
    secure.resume();
    const closed = Promise.all([once(secure, "close"), once(socket.resume(), "close")]);
    await listener.close();
    await closed;
  });

  it("requests alone leaves idle connections open", async () => {
    const listener = await serveEcho();
    const kept = await dial(listener);
    const busy = await dial(listener);
    kept.write("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
    await receive(kept, (text) => text.endsWith("/1 \n"));
    busy.write("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
    await expect.poll(() => listener.seen).toContain("PUT /");
    const cut = once(busy.resume(), "close");
    listener.cutRequests();
    await cut;
    kept.write("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(await receive(kept, (text) => text.endsWith("/2 \n"))).toContain("200 OK");
  });
});
