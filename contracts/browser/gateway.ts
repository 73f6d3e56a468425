import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream";
import type { Emulator } from "@acrkit/emulator";
import type { Backend } from "./page-server.ts";

/** Paths of the blob store, behind the gateway's own origin. */
const STORE = "/store/";

/** Forwards what is the registry's, and puts its store behind the same origin. Connections break on one side as on the other. */
export function registryBackend(emulator: Emulator, headers: OutgoingHttpHeaders = {}): Backend {
  return (request, response) => {
    const path = request.url ?? "";
    const isStore = path.startsWith(STORE);
    if (!isStore && !/^\/(?:v2|acr|oauth2)\//.test(path)) return false;
    const url = isStore ? new URL(decodeURIComponent(path.slice(STORE.length))) : new URL(path, emulator.endpoint);
    forward(url, isStore ? withoutCredentials(request.headers) : request.headers, request, response, headers);
    return true;
  };
}

/** The browser keeps credentials on a redirect within one origin; the store refuses them. */
function withoutCredentials({ authorization, ...headers }: IncomingHttpHeaders): IncomingHttpHeaders {
  return headers;
}

function forward(
  url: URL,
  headers: IncomingHttpHeaders,
  request: IncomingMessage,
  response: ServerResponse,
  added: OutgoingHttpHeaders,
): void {
  const sent = httpRequest(url, { method: request.method ?? "GET", headers }, (answer) => {
    const location = answer.headers.location;
    if (location?.startsWith("http") === true) answer.headers.location = STORE + encodeURIComponent(location);
    response.writeHead(answer.statusCode ?? 500, { ...answer.headers, ...added });
    // A header without a byte behind it is worth sending, too: the connection may break before the first.
    response.flushHeaders();
    pipeline(answer, response, () => {});
  });
  sent.on("error", () => response.destroy());
  response.on("close", () => sent.destroy());
  pipeline(request, sent, () => {});
}

/** A registry that pages of other origins may call. */
export interface CrossOriginGateway {
  readonly origin: string;
  close(): Promise<void>;
}

/** What a gateway has to allow and to show, so that the client in a page of another origin can do all that it does elsewhere. */
export const CORS = {
  methods: "GET, HEAD, POST, PUT, PATCH, DELETE",
  requestHeaders: "authorization, content-range, content-type, range, x-ms-client-request-id, x-ms-useragent",
  exposedHeaders: [
    "content-range",
    "docker-content-digest",
    "docker-upload-uuid",
    "etag",
    "link",
    "location",
    "oci-chunk-min-length",
    "range",
    "retry-after",
    "www-authenticate",
    "x-ms-correlation-request-id",
  ].join(", "),
} as const;

/** The registry at an origin of its own that answers preflights, as a gateway in front of it would. */
export async function openCrossOriginGateway(emulator: Emulator): Promise<CrossOriginGateway> {
  const backend = registryBackend(emulator, {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": CORS.exposedHeaders,
  });
  const server = createServer((request, response) => {
    if (request.method === "OPTIONS") {
      response.writeHead(204, {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": CORS.methods,
        "access-control-allow-headers": CORS.requestHeaders,
        "access-control-max-age": "600",
      });
      response.end();
    } else if (!backend(request, response)) response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
