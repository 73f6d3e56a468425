import { Connection, type Message, type Reply } from "./connection.ts";

/** Where a server is, and what it wants to see. */
export interface Target {
  /** `http://localhost:5000` */
  readonly origin: string;
  /** The value of the Authorization header; undefined for a server that wants none. */
  readonly authorization: string | undefined;
}

/** The steps of the distribution spec, as cheaply as they can be sent: one request at a time, a connection per origin. */
export class LoadClient {
  readonly #target: Target;
  readonly #authorization: string;
  readonly #connections = new Map<string, Connection>();

  constructor(target: Target) {
    this.#target = target;
    this.#authorization = target.authorization === undefined ? "" : `Authorization: ${target.authorization}\r\n`;
  }

  /** Asks whether the blob is there, as docker and skopeo do first, and pushes it: POST, PATCH, PUT. */
  async push(repository: string, digest: string, body: Exclude<Message["body"], undefined>): Promise<void> {
    await this.#send(404, { method: "HEAD", path: `/v2/${repository}/blobs/${digest}` });
    const started = await this.#send(202, { method: "POST", path: `/v2/${repository}/blobs/uploads/` });
    const headers = "Content-Type: application/octet-stream\r\n";
    const patched = await this.#send(202, { method: "PATCH", path: started.location, headers, body });
    const last = new URL(patched.location, this.#target.origin);
    last.searchParams.set("digest", digest);
    await this.#send(201, { method: "PUT", path: last.href, body: Buffer.alloc(0) });
  }

  /** Fetches a blob, from the origin it is redirected to if there is one, which must not see the authorization. */
  async pull(repository: string, digest: string, onBody?: (part: Buffer) => void): Promise<Reply> {
    const path = `/v2/${repository}/blobs/${digest}`;
    const shown = onBody === undefined ? {} : { onBody };
    const reply = await this.#request({ method: "GET", path, ...shown });
    const final = reply.status === 307 ? await this.#request({ method: "GET", path: reply.location, ...shown }) : reply;
    return expectStatus(200, path, final);
  }

  async putManifest(repository: string, reference: string, mediaType: string, body: Buffer): Promise<void> {
    const path = `/v2/${repository}/manifests/${reference}`;
    await this.#send(201, { method: "PUT", path, headers: `Content-Type: ${mediaType}\r\n`, body });
  }

  get(path: string, headers: string): Promise<Reply> {
    return this.#send(200, { method: "GET", path, headers });
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close();
  }

  async #send(status: number, message: Message): Promise<Reply> {
    return expectStatus(status, `${message.method} ${message.path}`, await this.#request(message));
  }

  #request(message: Message): Promise<Reply> {
    if (message.path.startsWith("/")) return this.#sendTo(this.#target.origin, message);
    const url = new URL(message.path);
    return this.#sendTo(url.origin, { ...message, path: `${url.pathname}${url.search}` });
  }

  #sendTo(origin: string, message: Message): Promise<Reply> {
    const connection = this.#connections.get(origin) ?? new Connection(origin);
    this.#connections.set(origin, connection);
    const authorization = origin === this.#target.origin ? this.#authorization : "";
    return connection.send({ ...message, headers: `${authorization}${message.headers ?? ""}` });
  }
}

function expectStatus(status: number, what: string, reply: Reply): Reply {
  if (reply.status !== status) throw new Error(`${what}: ${reply.status} instead of ${status}: ${reply.body}`);
  return reply;
}
