import type { IncomingHttpHeaders } from "node:http";
import { Agent, request as httpsRequest } from "node:https";

/** An answer as it came over the wire. */
export interface Answer {
  readonly status: number;
  /** By lower-case name, every line. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: Uint8Array;
}

export interface WireRequest {
  readonly origin: string;
  readonly method: string;
  /** Path and query, sent exactly as they are. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Sends requests without touching paths, following redirects or adding headers of its own. */
export class Wire implements Disposable {
  readonly #agent: Agent;

  constructor(certificate: string) {
    this.#agent = new Agent({ ca: certificate, keepAlive: true });
  }

  send({ origin, method, target, headers, body }: WireRequest): Promise<Answer> {
    const { hostname, port } = new URL(origin);
    return new Promise((resolve, reject) => {
      const outgoing = httpsRequest(
        { agent: this.#agent, hostname, port, method, path: target, headers },
        async (incoming) => {
          try {
            const parts: Uint8Array[] = [];
            for await (const part of incoming) parts.push(part);
            resolve({
              status: incoming.statusCode ?? 0,
              headers: allLines(incoming.rawHeaders, incoming.headers),
              body: Buffer.concat(parts),
            });
          } catch (error) {
            reject(error);
          }
        },
      );
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

function allLines(raw: readonly string[], names: IncomingHttpHeaders): Record<string, string[]> {
  const lines: Record<string, string[]> = Object.fromEntries(Object.keys(names).map((name) => [name, []]));
  for (let index = 0; index < raw.length; index += 2)
    lines[raw[index]?.toLowerCase() ?? ""]?.push(raw[index + 1] ?? "");
  return lines;
}
