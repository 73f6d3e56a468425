import type { AddressInfo } from "node:net";
import fastify from "fastify";
import type { Handler, Origin } from "../protocol/message.ts";
import type { Certificate } from "./certificate.ts";
import { exchangeMessages } from "./exchange.ts";

/** A server that listens. */
export interface Listener {
  readonly port: number;
  /** Closes the port and every connection. */
  close(): Promise<void>;
}

/** Longer than clients keep idle connections, so that it is not the server who closes one just when it is used again. */
const KEEP_ALIVE_MS = 72_000;

/**
 * Starts a server whose every request goes to `handler`.
 *
 * The request is taken over in `onRequest`, before Fastify looks for a route or reads the body: paths reach the handler
 * with their escapes, bodies as streams of any length and any content type, and no method or URL is refused on the way.
 */
export async function listen(
  origin: Origin,
  handler: Handler,
  options: {
    readonly host: string;
    readonly port: number;
    readonly tls: Certificate | undefined;
    /** Stamps the `Date` of every answer. */
    readonly now: () => number;
  },
): Promise<Listener> {
  const { tls, now } = options;
  const server = fastify({
    keepAliveTimeout: KEEP_ALIVE_MS,
    // An upload takes as long as it takes.
    requestTimeout: 0,
    forceCloseConnections: true,
    // Every URL is the one route, or the router would answer malformed ones itself.
    rewriteUrl: () => "/",
    https: tls === undefined ? null : { cert: tls.certificate, key: tls.privateKey },
  });
  server.addHook("onRequest", async (request, reply) => {
    reply.hijack();
    await exchangeMessages({ origin, handler, now }, request.originalUrl, request.raw, reply.raw);
  });
  server.all("/", neverReached);
  await server.listen({ host: options.host, port: options.port });
  return {
    port: (server.server.address() as AddressInfo).port,
    close: () => server.close(),
  };
}

async function neverReached(): Promise<never> {
  throw new Error("the request should have been taken over");
}
