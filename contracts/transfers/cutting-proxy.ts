import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** Which way bytes go: up to the registry, or down from it. */
export type Way = "up" | "down";

/** A TCP proxy that counts what passes, and cuts every connection when it is told to. */
export interface CuttingProxy {
  readonly port: number;
  /** Bytes that have come in from either side; what was on its way when a connection was cut counts. */
  readonly bytes: Readonly<Record<Way, number>>;
  /** How often it has cut. */
  readonly cuts: number;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Cuts once so many bytes more have passed since the cut before: the first after `points[0]`, and so on. `onCut` is called
 * first, and may do something worse.
 */
export async function startCuttingProxy(
  target: URL,
  way: Way,
  points: readonly number[],
  onCut: () => void = () => {},
): Promise<CuttingProxy> {
  const bytes = { up: 0, down: 0 };
  const left = [...points];
  let sinceCut = 0;
  const sockets = new Set<Socket>();

  const pass = (from: Socket, to: Socket, direction: Way) => {
    from.on("data", (part: Buffer) => {
      bytes[direction] += part.byteLength;
      const next = left[0];
      if (direction === way && next !== undefined) {
        sinceCut += part.byteLength;
        if (sinceCut >= next) {
          left.shift();
          sinceCut = 0;
          onCut();
          for (const socket of sockets) socket.destroy();
          return;
        }
      }
      if (!to.write(part)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
    });
    from.on("end", () => to.end());
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
    from.on("error", () => {});
  };

  const server = createServer((client) => {
    const registry = connect(Number(target.port), target.hostname);
    sockets.add(client).add(registry);
    pass(client, registry, "up");
    pass(registry, client, "down");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  };
  return {
    port: (server.address() as { port: number }).port,
    bytes,
    get cuts() {
      return points.length - left.length;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
