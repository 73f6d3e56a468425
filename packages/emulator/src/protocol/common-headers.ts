import { randomUUID } from "node:crypto";
import type { EmulatorRequest, EmulatorResponse, HeaderLine } from "./message.ts";

const TRANSPORT_SECURITY: HeaderLine = ["Strict-Transport-Security", "max-age=31536000; includeSubDomains"];

/** 1.2: four lines, not one. */
const EXPOSED: readonly HeaderLine[] = [
  "Docker-Content-Digest",
  "WWW-Authenticate",
  "Link",
  "X-Ms-Correlation-Request-Id",
].map((name) => ["Access-Control-Expose-Headers", name]);

/** 1.2: buckets of this size were seen; the emulator does not count them down, since it throttles nobody. */
const DELETES_PER_SECOND = "8.000000";
const TOKENS_PER_SECOND = "166.65";

/** 1.2: what every registry answer carries, success or error. */
export function withRegistryHeaders(response: EmulatorResponse): EmulatorResponse {
  return {
    ...response,
    headers: [
      ["Server", "openresty"],
      ["Connection", "keep-alive"],
      ...EXPOSED,
      ["Docker-Distribution-Api-Version", "registry/2.0"],
      ...response.headers,
      // Sent twice: by the application and by the proxy before it.
      TRANSPORT_SECURITY,
      TRANSPORT_SECURITY,
      ["X-Content-Type-Options", "nosniff"],
      ["X-Ms-Correlation-Request-Id", randomUUID()],
    ],
  };
}

/** 1.1: the answer for a path that matches no route exposes no headers. */
export function withUnroutedHeaders(response: EmulatorResponse): EmulatorResponse {
  const complete = withRegistryHeaders(response);
  return { ...complete, headers: complete.headers.filter(([name]) => name !== "Access-Control-Expose-Headers") };
}

/** 1.2: the request's ids, on what got past authentication under `/v2` (but not on the 307) and on every DELETE. */
export function withRequestIds(request: EmulatorRequest, response: EmulatorResponse): EmulatorResponse {
  const isDelete = request.method === "DELETE";
  if (!isDelete && (!/^\/v2(?:\/|%2f|$)/i.test(request.path) || response.status === 307)) return response;
  const headers: HeaderLine[] = [
    ["X-Ms-Client-Request-Id", request.headers["x-ms-client-request-id"] ?? ""],
    ["X-Ms-Request-Id", randomUUID()],
  ];
  if (isDelete) headers.push(["X-Ms-Ratelimit-Remaining-Calls-Per-Second", DELETES_PER_SECOND]);
  return { ...response, headers: [...response.headers, ...headers] };
}

/** 1.2: the token endpoints' fewer headers, Strict-Transport-Security once. */
export function withTokenHeaders(response: EmulatorResponse): EmulatorResponse {
  return {
    ...response,
    headers: [
      ["Server", "openresty"],
      ["Connection", "keep-alive"],
      ...response.headers,
      TRANSPORT_SECURITY,
      ["X-Ms-Correlation-Request-Id", randomUUID()],
      ["X-Ms-Ratelimit-Remaining-Calls-Per-Second", TOKENS_PER_SECOND],
    ],
  };
}
