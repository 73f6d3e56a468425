import { Readable } from "node:stream";
import { AbortError } from "@azure/abort-controller";
import {
  createHttpHeaders,
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
  RestError,
} from "@azure/core-rest-pipeline";

/** What a test lets the registry answer. A body is bytes, text, JSON (any other object), or a stream to misbehave with. */
export interface ScriptedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | Readable | object;
}

export interface SeenRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** The body's bytes; a stream was read to its end. */
  readonly body: Uint8Array;
  readonly request: PipelineRequest;
}

/** Gives the answer to a request; `index` counts the requests that came before it. */
export type Answer = (request: SeenRequest, index: number) => ScriptedAnswer | Promise<ScriptedAnswer>;

/**
 * A transport without sockets: each request is handed to `answer`, and kept. What the script does not expect it should
 * answer by throwing, so that the test fails.
 *
 * Like the real transport it stops waiting when the request is aborted, and does not notice a request's body that fails.
 */
export class ScriptedRegistry implements HttpClient {
  /** Every request, those of logging in among them. */
  readonly seen: SeenRequest[] = [];
  /** The bodies that were sent, in order, to see whether they were read or closed. */
  readonly bodies: Readable[] = [];
  readonly #answer: Answer;

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  async sendRequest(request: PipelineRequest): Promise<PipelineResponse> {
    const signal = request.abortSignal as AbortSignal | undefined;
    const body = await orAborted(readBody(request), signal);
    const seen: SeenRequest = {
      method: request.method,
      url: new URL(request.url),
      headers: request.headers.toJSON(),
      body,
      request,
    };
    this.seen.push(seen);
    const answer = await orAborted(Promise.resolve(this.#answer(seen, this.seen.length - 1)), signal);
    const { headers, stream } = toStream(answer);
    this.bodies.push(stream);
    const response = { request, status: answer.status, headers: createHttpHeaders(headers) };
    if (request.method === "HEAD") return response;
    signal?.addEventListener("abort", () => stream.destroy(), { once: true });
    return { ...response, readableStreamBody: stream };
  }

  /** `GET /v2/`, `POST /oauth2/token` …: what was sent, in order. */
  get lines(): string[] {
    return this.seen.map(lineOf);
  }

  /** The requests without those of logging in. */
  get calls(): SeenRequest[] {
    return this.seen.filter((request) => !isLogin(request));
  }

  get callLines(): string[] {
    return this.calls.map(lineOf);
  }
}

/** A registry that asks nobody to log in. `index` counts the calls. */
export function openRegistry(answer: Answer): ScriptedRegistry {
  let calls = 0;
  return new ScriptedRegistry((request) => (isLogin(request) ? { status: 200, body: {} } : answer(request, calls++)));
}

/** Answers one after the other; a request beyond the last fails the test. */
export function inOrder(...answers: readonly (ScriptedAnswer | Error | Answer)[]): Answer {
  return (request, index) => {
    const answer = answers[index];
    if (answer === undefined) throw new Error(`unexpected request ${index + 1}: ${lineOf(request)}`);
    if (answer instanceof Error) throw answer;
    return typeof answer === "function" ? answer(request, index) : answer;
  };
}

/** What the transport throws when the connection fails. */
export function connectionError(code = "ECONNRESET", message = `the connection failed (${code})`): RestError {
  return new RestError(message, { code });
}

/** An error answer as registries send it. */
export function refusal(
  status: number,
  code: string,
  message: string,
  more: { detail?: unknown; headers?: Readonly<Record<string, string>> } = {},
): ScriptedAnswer {
  const { detail, headers } = more;
  return {
    status,
    body: { errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }] },
    ...(headers === undefined ? {} : { headers }),
  };
}

/** An answer that never comes. */
export function never(): Promise<ScriptedAnswer> {
  return new Promise(() => {});
}

export function isLogin({ url }: { readonly url: URL }): boolean {
  return url.pathname === "/v2/" || url.pathname.startsWith("/oauth2/");
}

function lineOf({ method, url }: SeenRequest): string {
  return `${method} ${url.pathname}${url.search}`;
}

function toStream({ headers, body }: ScriptedAnswer): { headers: Record<string, string>; stream: Readable } {
  if (body instanceof Readable) return { headers: { ...headers }, stream: body };
  const isJson = typeof body === "object" && !(body instanceof Uint8Array);
  const bytes = Buffer.from(isJson ? JSON.stringify(body) : ((body ?? "") as string | Uint8Array));
  return {
    headers: {
      ...(isJson ? { "content-type": "application/json; charset=utf-8" } : {}),
      "content-length": String(bytes.byteLength),
      ...headers,
    },
    stream: Readable.from(bytes.byteLength === 0 ? [] : [bytes]),
  };
}

async function readBody(request: PipelineRequest): Promise<Uint8Array> {
  const body = typeof request.body === "function" ? request.body() : request.body;
  if (body === undefined || body === null) return new Uint8Array();
  if (typeof body === "string") return Buffer.from(body);
  if (body instanceof Uint8Array) return body;
  const parts: Uint8Array[] = [];
  try {
    for await (const part of body as Readable) parts.push(part as Uint8Array);
  } catch {
    return new Promise(() => {});
  }
  return Buffer.concat(parts);
}

function orAborted<T>(result: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return result;
  result.catch(() => {});
  return new Promise((resolve, reject) => {
    const abort = () => reject(new AbortError("The operation was aborted."));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    result.then(resolve, reject);
  });
}
