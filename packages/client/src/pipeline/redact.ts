import {
  createHttpHeaders,
  createPipelineRequest,
  type HttpHeaders,
  type PipelineRequest,
  type PipelineResponse,
} from "@azure/core-rest-pipeline";

/**
 * A copy of a request that an error may carry to wherever the application writes its errors: no `Authorization`, no body
 * (a token request's body is a credential), no query values that could be signatures or upload state.
 */
export function withoutSecrets(request: PipelineRequest): PipelineRequest {
  const headers = createHttpHeaders(request.headers.toJSON({ preserveCase: true }));
  headers.delete("authorization");
  headers.delete("proxy-authorization");
  return createPipelineRequest({
    url: urlWithoutSecrets(request.url),
    method: request.method,
    headers,
    requestId: request.requestId,
  });
}

/**
 * A copy of an answer for an error, with its body as text. Its stream stays out: behind it is the connection, and what was
 * sent over it.
 */
export function answerWithoutSecrets(response: PipelineResponse, bodyAsText: string): PipelineResponse {
  const headers = createHttpHeaders(response.headers.toJSON({ preserveCase: true }));
  const location = headers.get("location");
  if (location !== undefined) headers.set("location", urlWithoutSecrets(location, response.request.url));
  return { status: response.status, headers, request: withoutSecrets(response.request), bodyAsText };
}

/** The members of a token request's form that are secrets. */
const SECRET_FIELDS = ["access_token", "refresh_token", "password"];

/** A signature or an upload's state is longer by far; what is shorter may be a word of the text. */
const SHORTEST_QUERY_SECRET = 16;

/** Some servers, and gateways before them, repeat the request in their error page: what was secret there is masked. */
export function withoutEcho(text: string, request: PipelineRequest): string {
  const secrets: string[] = [];
  for (const name of ["authorization", "proxy-authorization"]) {
    const [scheme, value] = (request.headers.get(name) ?? "").split(" ");
    if (value === undefined) continue;
    secrets.push(value);
    if (scheme === "Basic") secrets.push(passwordOf(value));
  }
  if (typeof request.body === "string" && request.headers.get("content-type") === "application/x-www-form-urlencoded") {
    const form = new URLSearchParams(request.body);
    secrets.push(...SECRET_FIELDS.flatMap((name) => form.getAll(name)));
  }
  for (const [name, value] of URL.parse(request.url)?.searchParams ?? []) {
    if (!SHOWN_QUERY_PARAMETERS.has(name) && value.length >= SHORTEST_QUERY_SECRET) secrets.push(value);
  }
  return secrets
    .filter((secret) => secret !== "")
    .flatMap((secret) => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
    .reduce((masked, secret) => masked.replaceAll(secret, MASK), text);
}

function passwordOf(basic: string): string {
  try {
    const bytes = Uint8Array.from(atob(basic), (character) => character.charCodeAt(0));
    return new TextDecoder().decode(bytes).replace(/^[^:]*:/, "");
  } catch {
    return ""; // not ours
  }
}

/** Query parameters that are worth reading in a log and hold nothing secret. */
const SHOWN_QUERY_PARAMETERS = new Set([
  "api-version",
  "n",
  "last",
  "orderby",
  "digest",
  "mount",
  "from",
  "_nouploadcache",
  "artifactType",
]);

/** A URL whose query values are masked unless they are on the list, and its fragment; of one that cannot be read, nothing. */
export function urlWithoutSecrets(text: string, base?: string): string {
  const url = URL.parse(text, base);
  if (url === null) return MASK;
  url.username = "";
  url.password = "";
  if (url.hash !== "") url.hash = MASK;
  for (const name of [...url.searchParams.keys()]) {
    if (!SHOWN_QUERY_PARAMETERS.has(name)) url.searchParams.set(name, MASK);
  }
  return url.toString();
}

/** Headers whose values a log may show: those of Azure Core's own list that registries send, and theirs. */
const SHOWN_HEADERS = new Set([
  "accept",
  "accept-encoding",
  "accept-ranges",
  "cache-control",
  "connection",
  "content-length",
  "content-range",
  "content-type",
  "date",
  "docker-content-digest",
  "docker-distribution-api-version",
  "docker-upload-uuid",
  "etag",
  "last-modified",
  "link",
  "oci-subject",
  "range",
  "retry-after",
  "server",
  "traceparent",
  "transfer-encoding",
  "user-agent",
  "www-authenticate",
  "x-ms-client-request-id",
  "x-ms-correlation-request-id",
  "x-ms-ratelimit-remaining-calls-per-second",
  "x-ms-request-id",
]);

/** The headers, with the values of those that are not on the list masked. */
export function headersWithoutSecrets(headers: HttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers.toJSON()).map(([name, value]) => [name, SHOWN_HEADERS.has(name) ? value : MASK]),
  );
}

const MASK = "REDACTED";
