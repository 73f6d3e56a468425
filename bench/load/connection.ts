import { createReadStream } from "node:fs";
import { connect, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";

/** An answer of a server. */
export interface Reply {
  readonly status: number;
  /** Empty when the answer has none. */
  readonly location: string;
  /** Empty when the answer was chunked or passed to `onBody`. */
  readonly body: Buffer;
}

export interface Message {
  readonly method: string;
  readonly path: string;
  /** Complete lines, each with its line end. */
  readonly headers?: string;
  readonly body?: Buffer | { readonly file: string; readonly sizeInBytes: number } | undefined;
  /** Is shown the body piece by piece instead of having it collected. */
  readonly onBody?: (part: Buffer) => void;
}

const HEAD_END = "\r\n\r\n";
const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/** Pieces in which a file is read and sent. */
const FILE_READ_BYTES = 512 * 1024;

/**
 * One kept-alive connection with one request at a time, for plain HTTP.
 *
 * A client of its own, since what `node:http` takes for a request is as much as what the servers take, and the two share
 * the machine. It knows as much of HTTP as the two servers' answers need.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #host: string;
  #message: Message | undefined;
  #head: Buffer = Buffer.alloc(0);
  #reply: { status: number; location: string } | undefined;
  /** Bytes of the body that are to come; undefined for a chunked one. */
  #left: number | undefined;
  #parts: Buffer[] = [];
  /** The last bytes of a chunked body, which may come in pieces. */
  #tail: Buffer = Buffer.alloc(0);
  #settle: { resolve(reply: Reply): void; reject(error: unknown): void } | undefined;

  constructor(origin: string) {
    const { hostname, port, host } = new URL(origin);
    this.#host = host;
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket.on("data", (bytes: Buffer) => this.#read(bytes));
    this.#socket.on("error", (error) => this.#settle?.reject(error));
    this.#socket.on("close", () => this.#settle?.reject(new Error("the server closed the connection")));
  }

  send(message: Message): Promise<Reply> {
    const { method, path, headers = "", body } = message;
    this.#message = message;
    const bytes = body === undefined ? 0 : "file" in body ? body.sizeInBytes : body.byteLength;
    const length = body === undefined && method !== "POST" ? "" : `Content-Length: ${bytes}\r\n`;
    const head = `${method} ${path} HTTP/1.1\r\nHost: ${this.#host}\r\n${headers}${length}\r\n`;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      if (body === undefined) {
        this.#socket.write(head, "latin1");
      } else if ("file" in body) {
        this.#socket.write(head, "latin1");
        const file = createReadStream(body.file, { highWaterMark: FILE_READ_BYTES });
        pipeline(file, this.#socket, { end: false }).catch(reject);
      } else {
        this.#socket.write(Buffer.concat([Buffer.from(head, "latin1"), body]));
      }
    });
  }

  close(): void {
    this.#settle = undefined;
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    if (this.#reply !== undefined) {
      this.#readBody(bytes);
      return;
    }
    const seen = this.#head.byteLength === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    const end = seen.indexOf(HEAD_END);
    this.#head = end < 0 ? seen : Buffer.alloc(0);
    if (end < 0) return;
    const head = seen.toString("latin1", 0, end + 2);
    this.#reply = { status: Number(head.slice(9, 12)), location: /\r\nlocation: *([^\r]*)/i.exec(head)?.[1] ?? "" };
    const chunked = /\r\ntransfer-encoding: *chunked/i.test(head);
    const hasBody = this.#message?.method !== "HEAD" && this.#reply.status !== 204;
    if (!hasBody) this.#left = 0;
    else this.#left = chunked ? undefined : Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    this.#readBody(seen.subarray(end + HEAD_END.length));
  }

  #readBody(bytes: Buffer): void {
    if (this.#left === undefined) {
      // The servers' JSON holds no line ends before its last byte, so this can only be the end.
      this.#tail = Buffer.concat([this.#tail, bytes.subarray(-LAST_CHUNK.length)]).subarray(-LAST_CHUNK.length);
      if (this.#tail.equals(LAST_CHUNK)) this.#end();
      return;
    }
    this.#left -= bytes.byteLength;
    if (this.#message?.onBody !== undefined) this.#message.onBody(bytes);
    else if (bytes.byteLength > 0) this.#parts.push(bytes);
    if (this.#left <= 0) this.#end();
  }

  #end(): void {
    const { status = 0, location = "" } = this.#reply ?? {};
    const reply = {
      status,
      location,
      body: this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts),
    };
    const settle = this.#settle;
    [this.#reply, this.#parts, this.#tail, this.#settle] = [undefined, [], Buffer.alloc(0), undefined];
    settle?.resolve(reply);
  }
}
