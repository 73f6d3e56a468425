import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { onTestFinished } from "vitest";
import type { ContainerRegistryClientOptions } from "../client-options.ts";
import { ContainerRegistryClient } from "../container-registry-client.ts";

export interface RawServer {
  readonly origin: string;
  /** `GET /v2/team/app/…`, as they came. */
  readonly lines: string[];
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>;
  /** Connections there have been. */
  readonly connections: () => number;
}

export type Handler = (request: IncomingMessage, response: ServerResponse, index: number) => void;

/** A real server on this machine that asks nobody to log in; closed when the test ends. `index` counts the requests. */
export async function serve(handler: Handler): Promise<RawServer> {
  const lines: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((request, response) => {
    if (request.url === "/v2/") return void response.end("{}");
    lines.push(`${request.method} ${request.url}`);
    handler(request, response, lines.length - 1);
  });
  // Whatever closes a connection in a test is the client.
  server.keepAliveTimeout = 0;
  server.on("connection", (socket) => {
    connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, lines, sockets, connections: () => connections };
}

/** A client with the real transport. */
export function clientAt(server: RawServer, options: ContainerRegistryClientOptions = {}): ContainerRegistryClient {
  return new ContainerRegistryClient(server.origin, { retryOptions: { retryDelayInMs: 0 }, ...options });
}

/** Waits for something that the other side of a socket notices a moment later; the test's own timeout is the bound. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
