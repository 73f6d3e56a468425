import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { closeBody } from "../protocol/body.ts";
import {
  type EmulatorRequest,
  type EmulatorResponse,
  type Handler,
  type HeaderLine,
  headerOf,
  type LendingSource,
  type Origin,
} from "../protocol/message.ts";
import { uriTooLong } from "./front-end.ts";
import { RequestBody } from "./request-body.ts";

/** Who answers at a port. */
export interface Served {
  readonly origin: Origin;
  readonly handler: Handler;
  /** The emulator's clock, which may have been moved. */
  readonly now: () => number;
  /** Is told of each request that reaches the handler. */
  readonly observe?: Observe;
  /** Answers what is no business of the registry's, such as a health check; nobody else is told of it. */
  readonly aside?: Aside | undefined;
}

export type Aside = (method: string, url: string) => Promise<EmulatorResponse> | undefined;

/** Bytes of the bodies, counted while they flow. */
export interface Traffic {
  /** Those that were read; what a handler leaves unread does not count. */
  bytesIn: number;
  bytesOut: number;
}

/** Called when a request has come; what it gives is told the rest. */
export type Observe = (request: EmulatorRequest, traffic: Traffic) => Observation;

export interface Observation {
  /** Before the client sees anything of it. Status 0 when the connection is cut instead. */
  answered(response: EmulatorResponse): void;
  /** The answer is out, or the client is gone. */
  ended(): void;
}

/** Carries one request from Node's HTTP server to a handler, and the answer back. It never throws. */
export async function exchangeMessages(
  { origin, handler, now, observe, aside }: Served,
  url: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  /** Set for a client that waits for `100 Continue` before it sends its body. */
  expectsContinue = false,
): Promise<void> {
  // A client may go away at any time; there is nobody left to tell.
  incoming.on("error", () => {});
  outgoing.on("error", () => {});
  const traffic: Traffic = { bytesIn: 0, bytesOut: 0 };
  const body = new RequestBody(incoming, traffic, expectsContinue ? outgoing : undefined);
  // A client that keeps the registry waiting is cut off; while it is the handler that takes its time, nobody is.
  outgoing.on("timeout", () => {
    if (body.isReading || outgoing.writableLength > 0) incoming.socket.destroy();
  });
  let observation: Observation | undefined;
  let response: EmulatorResponse;
  try {
    const target = readTarget(url);
    const besides = aside?.(incoming.method ?? "GET", target.address);
    if (besides === undefined) {
      const request = toRequest(origin, target, incoming, body);
      observation = observe?.(request, traffic);
      response = uriTooLong(url) ?? (await handler(request));
    } else {
      response = await besides;
    }
  } catch (failure) {
    // The handlers answer everything themselves; only an interceptor throws, to have the connection cut.
    observation?.answered({ status: 0, headers: [], failure });
    // Not the request, which is gone already once it has been read to its end.
    incoming.socket.destroy();
    observation?.ended();
    return;
  }
  observation?.answered(response);
  try {
    const readable = incoming.httpVersion === "1.0" ? withoutChunks(response) : response;
    const complete = withDate(body.isHeldBack ? withConnectionClose(readable) : readable, now);
    await send(complete, incoming, outgoing, traffic);
    // What the handler left of the body is read and dropped, or the connection could not be used again.
    incoming.resume();
  } catch {
    // Half an answer is out, and goes its way: the client must not take it for a whole one.
    incoming.socket.destroySoon();
  } finally {
    observation?.ended();
  }
}

/** What a request line asks for. */
interface Target {
  /** Path and query, as they were sent. */
  readonly address: string;
  /** Host and port, where they stand before it. */
  readonly authority?: string | undefined;
}

/** RFC 9112 3.2.2: a server takes the absolute form too, as a client that believes in a proxy sends it. */
function readTarget(url: string): Target {
  const [, authority, address = ""] = /^https?:\/\/([^/?]+)(.*)$/is.exec(url) ?? [];
  if (authority === undefined) return { address: url };
  return { address: address.startsWith("/") ? address : `/${address}`, authority };
}

function toRequest(
  origin: Origin,
  { address, authority }: Target,
  incoming: IncomingMessage,
  body: RequestBody,
): EmulatorRequest {
  const mark = address.indexOf("?");
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  // It counts instead of the header, whatever that says.
  if (authority !== undefined) headers.host = authority;
  return {
    origin,
    method: incoming.method ?? "GET",
    path: mark < 0 ? address : address.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? "" : address.slice(mark + 1)),
    headers,
    body,
  };
}

/** Node would write the machine's time; the registry's own clock signs tokens and links, and clients compare the two. */
function withDate(response: EmulatorResponse, now: () => number): EmulatorResponse {
  if (headerOf(response, "Date") !== undefined) return response;
  return { ...response, headers: [...response.headers, ["Date", new Date(now()).toUTCString()]] };
}

/** RFC 9112 6.1: HTTP/1.0 knows no chunks; the end of the connection is the end of the body. */
function withoutChunks(response: EmulatorResponse): EmulatorResponse {
  const isChunked = (name: string) => name.toLowerCase() === "transfer-encoding";
  if (!response.headers.some(([name]) => isChunked(name))) return response;
  return withConnectionClose({ ...response, headers: response.headers.filter(([name]) => !isChunked(name)) });
}

/** A client that was not told to send its body may do so or not: what comes next on the connection cannot be known. */
function withConnectionClose(response: EmulatorResponse): EmulatorResponse {
  const others = response.headers.filter(([name]) => name.toLowerCase() !== "connection");
  const close: HeaderLine = ["Connection", "close"];
  return { ...response, headers: [...others, close] };
}

async function send(
  response: EmulatorResponse,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  traffic: Traffic,
): Promise<void> {
  // A flat list keeps order, spelling and repeated lines.
  outgoing.sendDate = false;
  outgoing.writeHead(response.status, response.headers.flat());
  const { body } = response;
  if (body === undefined || incoming.method === "HEAD") {
    await closeBody(body);
    outgoing.end();
  } else if (body instanceof Uint8Array) {
    traffic.bytesOut = body.byteLength;
    outgoing.end(body);
  } else if ("lend" in body) {
    await sendLent(body, outgoing, traffic);
  } else {
    const readable = body instanceof Readable ? body : Readable.from(body, { objectMode: false });
    // The head is out even if the body breaks off before its first byte.
    outgoing.flushHeaders();
    const piped = pipeline(readable, outgoing, { end: false });
    readable.on("data", (part: Uint8Array) => {
      traffic.bytesOut += part.byteLength;
    });
    await piped;
    outgoing.end();
  }
}

/** A part is given back when the system has taken it. */
async function sendLent(body: LendingSource, outgoing: ServerResponse, traffic: Traffic): Promise<void> {
  // What is written to a connection that is gone is dropped without a word.
  let isGone = false;
  const waiting = new Set<(error: Error) => void>();
  const gone = () => new Error("the client is gone");
  outgoing.once("close", () => {
    isGone = true;
    for (const reject of waiting) reject(gone());
  });
  await body.lend(async (part) => {
    if (isGone) throw gone();
    traffic.bytesOut += part.byteLength;
    await new Promise<void>((resolve, reject) => {
      waiting.add(reject);
      outgoing.write(part, (error) => {
        waiting.delete(reject);
        if (error == null) resolve();
        else reject(error);
      });
    });
  });
  outgoing.end();
}
