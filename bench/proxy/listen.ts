import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { breakTogether, carry } from "./carry.ts";
import { type Distance, Line } from "./line.ts";

/** Opens a port from which the target's port, on this machine, is `distance` away. TLS passes through. */
export async function listen(target: number, distance: Distance): Promise<{ readonly port: number; close(): void }> {
  const connections = new Set<{ destroy(): void }>();
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const now = performance.now();
    const upstream = connect({ port: target, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    // A client could speak once its SYN has been answered, which takes a round trip; here, the kernel has answered at once.
    carry(client, upstream, new Line(distance, now + distance.roundTripMs));
    carry(upstream, client, new Line(distance, now));
    breakTogether(client, upstream);
    for (const socket of [client, upstream]) {
      connections.add(socket);
      socket.once("close", () => connections.delete(socket));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      for (const connection of connections) connection.destroy();
    },
  };
}
