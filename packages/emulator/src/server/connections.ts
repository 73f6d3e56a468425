import type { ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";
import type { Duplex } from "node:stream";

/** The connections of a server, and which of them are busy with requests. */
export class Connections {
  /** All of them. Node's own list lacks those that have not come to HTTP yet, such as half a TLS handshake. */
  readonly #sockets = new Set<Socket>();
  /** How many requests are under way on each that has had any; with TLS it lies above the socket of the other list. */
  readonly #requests = new Map<Duplex, number>();
  #whenDrained: (() => void) | undefined;

  constructor(server: Server) {
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** Notes a request, which ends when its answer is out or the connection is gone. */
  begin(socket: Duplex, outgoing: ServerResponse): void {
    const others = this.#requests.get(socket);
    if (others === undefined) {
      socket.once("close", () => {
        this.#requests.delete(socket);
        this.#look();
      });
    }
    this.#requests.set(socket, (others ?? 0) + 1);
    outgoing.once("finish", () => {
      const left = this.#requests.get(socket);
      if (left === undefined) return;
      this.#requests.set(socket, left - 1);
      this.#look();
    });
  }

  isBusy(socket: Duplex): boolean {
    return (this.#requests.get(socket) ?? 0) > 0;
  }

  cutBusy(): void {
    for (const [socket, requests] of this.#requests) if (requests > 0) socket.destroy();
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Resolves when no request is under way any more, or after `graceMs`. */
  async drained(graceMs: number): Promise<void> {
    if (this.#isDrained()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#whenDrained = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#whenDrained = undefined;
  }

  #look(): void {
    // Nobody waits most of the time, and there may be many connections.
    if (this.#whenDrained !== undefined && this.#isDrained()) this.#whenDrained();
  }

  #isDrained(): boolean {
    return [...this.#requests.values()].every((requests) => requests === 0);
  }
}
