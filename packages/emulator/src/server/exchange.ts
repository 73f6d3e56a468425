import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  type EmulatorRequest,
  type EmulatorResponse,
  type Handler,
  headerOf,
  type Origin,
} from "../protocol/message.ts";

/** Who answers at a port. */
export interface Served {
  readonly origin: Origin;
  readonly handler: Handler;
  /** The emulator's clock, which may have been moved. */
  readonly now: () => number;
}

/** Carries one request from Node's HTTP server to a handler, and the answer back. It never throws. */
export async function exchangeMessages(
  { origin, handler, now }: Served,
  url: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  // A client may go away at any time; there is nobody left to tell.
  incoming.on("error", () => {});
  outgoing.on("error", () => {});
  let response: EmulatorResponse;
  try {
    response = await handler(toRequest(origin, url, incoming));
  } catch {
    // The handlers answer everything themselves; only an interceptor throws, to have the connection cut.
    incoming.destroy();
    return;
  }
  try {
    await send(withDate(response, now), incoming, outgoing);
    // What the handler left of the body is read and dropped, or the connection could not be used again.
    incoming.resume();
  } catch {
    // Half an answer is out: the client must not take it for a whole one.
    outgoing.destroy();
  }
}

function toRequest(origin: Origin, url: string, incoming: IncomingMessage): EmulatorRequest {
  const mark = url.indexOf("?");
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return {
    origin,
    method: incoming.method ?? "GET",
    path: mark < 0 ? url : url.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1)),
    headers,
    // By default a reader that stops early, as at a limit, takes the connection with it, and the answer too.
    body: incoming.iterator({ destroyOnReturn: false }),
  };
}

/** Node would write the machine's time; the registry's own clock signs tokens and links, and clients compare the two. */
function withDate(response: EmulatorResponse, now: () => number): EmulatorResponse {
  if (headerOf(response, "Date") !== undefined) return response;
  return { ...response, headers: [...response.headers, ["Date", new Date(now()).toUTCString()]] };
}

async function send(response: EmulatorResponse, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  // A flat list keeps order, spelling and repeated lines.
  outgoing.sendDate = false;
  outgoing.writeHead(response.status, response.headers.flat());
  const { body } = response;
  if (body === undefined || incoming.method === "HEAD") {
    if (body !== undefined && !(body instanceof Uint8Array)) await closeUnread(body);
    outgoing.end();
  } else if (body instanceof Uint8Array) {
    outgoing.end(body);
  } else {
    await pipeline(body instanceof Readable ? body : Readable.from(body, { objectMode: false }), outgoing);
  }
}

async function closeUnread(body: AsyncIterable<Uint8Array>): Promise<void> {
  if (body instanceof Readable) body.destroy();
  else await body[Symbol.asyncIterator]().return?.();
}
