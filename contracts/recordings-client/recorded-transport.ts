import { Readable } from "node:stream";
import {
  createHttpHeaders,
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
} from "@azure/core-rest-pipeline";
import { bytesOf } from "../recordings/bytes.ts";
import { type Exchange, headerText, RECORDED_HOST, type Recording } from "../recordings/recording.ts";

const CHALLENGE = `Bearer realm="https://${RECORDED_HOST}/oauth2/token",service="${RECORDED_HOST}"`;

/**
 * Answers a client with what the service answered when the recording was made. A request that the recording does not hold
 * is an error: the client must not send what the service was never asked.
 *
 * The log-in is the client's own affair: it asks `GET /v2/` first where the recorded SDKs waited to be challenged, so that
 * their first, unauthorised tries are passed over.
 */
export class RecordedTransport implements HttpClient {
  readonly unexpected: string[] = [];
  /** The forms that went to the token service. */
  readonly tokenForms: URLSearchParams[] = [];
  readonly #exchanges: readonly Exchange[];
  readonly #served = new Set<Exchange>();

  constructor(recording: Recording) {
    this.#exchanges = recording.exchanges;
  }

  wasServed(exchange: Exchange): boolean {
    return this.#served.has(exchange);
  }

  async sendRequest(request: PipelineRequest): Promise<PipelineResponse> {
    const url = new URL(request.url);
    const isRegistry = url.host === RECORDED_HOST;
    if (isRegistry && url.pathname === "/v2/") return answer(request, 401, { "www-authenticate": CHALLENGE });
    if (isRegistry && url.pathname.startsWith("/oauth2/")) return this.#tokenAnswer(request, url);
    const body = await drain(request);
    const exchange = this.#exchanges.find((candidate) => this.#fits(candidate, request, url));
    if (exchange === undefined) {
      this.unexpected.push(`${request.method} ${request.url}`);
      throw new Error(`the recording does not hold ${request.method} ${request.url}`);
    }
    this.#served.add(exchange);
    return recordedAnswer(request, exchange, body, url);
  }

  #tokenAnswer(request: PipelineRequest, url: URL): PipelineResponse {
    this.tokenForms.push(new URLSearchParams(String(request.body)));
    const recorded = this.#exchanges.find(
      (candidate) => !this.#served.has(candidate) && candidate.request.path === url.pathname,
    );
    if (recorded !== undefined) this.#served.add(recorded);
    // The recordings hold placeholders for tokens; every token of theirs is good for an hour here.
    const token = unsignedJwt({ iat: 1_700_000_000, exp: 1_700_003_600 });
    const name = url.pathname === "/oauth2/exchange" ? "refresh_token" : "access_token";
    return answer(request, 200, { "content-type": "application/json" }, JSON.stringify({ [name]: token }));
  }

  #fits(candidate: Exchange, request: PipelineRequest, url: URL): boolean {
    const { request: recorded } = candidate;
    return (
      !this.#served.has(candidate) &&
      !isChallenge(candidate) &&
      recorded.method === request.method &&
      (recorded.host ?? RECORDED_HOST) === url.host &&
      decodeURIComponent(recorded.path) === decodeURIComponent(url.pathname) &&
      sameQuery(recorded.query, url.searchParams)
    );
  }
}

/** A first try without a token. */
export function isChallenge({ request, response }: Exchange): boolean {
  return response.status === 401 && request.headers.authorization === undefined && !request.path.startsWith("/oauth2/");
}

/** `api-version` is optional; the digest of an upload is another where the recorder did not keep the bytes. */
const FREE_PARAMETERS = new Set(["api-version"]);

function sameQuery(recorded: readonly (readonly [string, string])[], sent: URLSearchParams): boolean {
  const ours = [...sent].filter(([name]) => name !== "digest" || !sent.has("_state"));
  const theirs = recorded.filter(
    ([name]) => !FREE_PARAMETERS.has(name) && !(name === "digest" && recorded.some(([other]) => other === "_state")),
  );
  return JSON.stringify([...ours].sort()) === JSON.stringify([...theirs].sort());
}

function recordedAnswer(request: PipelineRequest, exchange: Exchange, sent: Uint8Array, url: URL): PipelineResponse {
  const { response } = exchange;
  const digest = headerText(response.headers, "docker-content-digest");
  const bytes = bytesOf(response.body, { digest, length: Number(headerText(response.headers, "content-length")) });
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers))
    headers[name] = typeof value === "string" ? value : value.join(", ");
  // A host name was replaced in some bodies, so that their recorded length is off by a constant.
  if (request.method !== "HEAD" && headers["content-length"] !== undefined)
    headers["content-length"] = String(bytes.byteLength);
  // Bytes that the recorder left out were made up by the test: the digest that the registry confirms is theirs.
  const made = exchange.request.body !== null || sent.byteLength === 0 ? url.searchParams.get("digest") : null;
  if (response.status === 201 && made !== null) headers["docker-content-digest"] = made;
  return {
    request,
    status: response.status,
    headers: createHttpHeaders(headers),
    readableStreamBody: Readable.from(request.method === "HEAD" || bytes.byteLength === 0 ? [] : [bytes]),
  };
}

function answer(
  request: PipelineRequest,
  status: number,
  headers: Record<string, string>,
  text = "",
): PipelineResponse {
  return {
    request,
    status,
    headers: createHttpHeaders(headers),
    readableStreamBody: Readable.from(text === "" ? [] : [Buffer.from(text)]),
  };
}

async function drain(request: PipelineRequest): Promise<Uint8Array> {
  const { body } = request;
  if (typeof body === "string") return Buffer.from(body);
  if (body instanceof Uint8Array) return body;
  const parts: Uint8Array[] = [];
  if (body !== undefined && body !== null) for await (const part of body as Readable) parts.push(part as Uint8Array);
  return Buffer.concat(parts);
}

function unsignedJwt(payload: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${encode({ alg: "none" })}.${encode(payload)}.`;
}
