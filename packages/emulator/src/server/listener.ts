import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import fastify from "fastify";
import type { Certificate } from "./certificate.ts";
import { Connections } from "./connections.ts";
import { exchangeMessages, type Served } from "./exchange.ts";
import { asBytes, MAX_HEAD_BYTES, malformed, notAProxy } from "./front-end.ts";
import { TIMEOUTS, type Timeouts } from "./timeouts.ts";

/** A server that listens. */
export interface Listener {
  readonly port: number;
  /** Cuts the connections of requests that are under way; those that wait for one stay. */
  cutRequests(): void;
  /** Closes the port, gives the requests under way `graceMs` to end, and closes every connection. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/** Where and how to listen. */
export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: Certificate | undefined;
  readonly timeouts?: Partial<Timeouts>;
}

/**
 * Starts a server whose every request goes to a handler.
 *
 * The request is taken over in `onRequest`, before Fastify looks for a route or reads the body: paths reach the handler
 * with their escapes, bodies as streams of any length and any content type, and no method or URL is refused on the way.
 */
export async function listen(served: Served, options: ListenOptions): Promise<Listener> {
  const { tls } = options;
  const { headMs, idleMs, keepAliveMs, checkMs } = { ...TIMEOUTS, ...options.timeouts };
  const http = { headersTimeout: headMs, connectionsCheckingInterval: checkMs, maxHeaderSize: MAX_HEAD_BYTES };
  const server = fastify({
    keepAliveTimeout: keepAliveMs,
    connectionTimeout: idleMs,
    // An upload takes as long as it takes.
    requestTimeout: 0,
    // Every URL is the one route, or the router would answer malformed ones itself.
    rewriteUrl: () => "/",
    clientErrorHandler: (error, socket) => refuse(error, socket),
    // Nothing has a schema; Fastify's own compilers take 40 ms to load, more than everything else at the start.
    schemaController: { compilersFactory: { buildValidator: neverReached, buildSerializer: neverReached } },
    ...(tls === undefined
      ? { http }
      : { https: { ...http, cert: tls.certificate, key: tls.privateKey, handshakeTimeout: headMs } }),
  });
  const connections = new Connections(server.server);
  const expecting = new WeakSet<IncomingMessage>();
  const refuse = (error: NodeJS.ErrnoException, socket: Duplex) => {
    // What breaks off in the middle of a request, or of its answer, cannot be answered in between.
    if (connections.isBusy(socket)) socket.destroy();
    else if (socket.writable) sayLast(socket, asBytes(malformed(error.code), served.now()));
  };
  server.addHook("onRequest", async (request, reply) => {
    reply.hijack();
    connections.begin(request.raw.socket, reply.raw);
    await exchangeMessages(served, request.originalUrl, request.raw, reply.raw, expecting.has(request.raw));
  });
  server.all("/", neverReached);
  const node: Server = server.server;
  node.on("checkContinue", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    expecting.add(incoming);
    node.emit("request", incoming, outgoing);
  });
  // Any other expectation is ignored, as nginx does; Node would answer 417.
  node.on("checkExpectation", (incoming, outgoing) => node.emit("request", incoming, outgoing));
  node.on("connect", (_, socket) => sayLast(socket, asBytes(notAProxy(), served.now())));
  await server.listen({ host: options.host, port: options.port });
  return {
    port: (server.server.address() as AddressInfo).port,
    cutRequests: () => connections.cutBusy(),
    async close({ graceMs = 0 } = {}) {
      node.close();
      if (graceMs > 0) await connections.drained(graceMs);
      connections.cutAll();
      await server.close();
    },
  };
}

/** As nginx's `lingering_timeout`: a connection that is closed with bytes unread is reset, and the answer lost. */
const LINGER_MS = 5_000;

function sayLast(socket: Duplex, bytes: Uint8Array): void {
  // Node has taken its own listeners off a connection that it hands over, and a client may go away at any time.
  socket.on("error", () => {});
  socket.end(bytes);
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once("close", () => clearTimeout(timer));
}

function neverReached(): never {
  throw new Error("the request should have been taken over");
}
