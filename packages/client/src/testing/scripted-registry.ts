import { Readable } from "node:stream";
import {
  createHttpHeaders,
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
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

/**
 * A transport without sockets: each request is handed to `answer`, and kept. What the script does not expect it should
 * answer by throwing, so that the test fails.
 */
export class ScriptedRegistry implements HttpClient {
  readonly seen: SeenRequest[] = [];
  readonly #answer: (request: SeenRequest, index: number) => ScriptedAnswer | Promise<ScriptedAnswer>;

  constructor(answer: (request: SeenRequest, index: number) => ScriptedAnswer | Promise<ScriptedAnswer>) {
    this.#answer = answer;
  }

  async sendRequest(request: PipelineRequest): Promise<PipelineResponse> {
    const seen: SeenRequest = {
      method: request.method,
      url: new URL(request.url),
      headers: request.headers.toJSON(),
      body: await readBody(request),
      request,
    };
    this.seen.push(seen);
    const answer = await this.#answer(seen, this.seen.length - 1);
    const { headers, stream } = toStream(answer);
    return { request, status: answer.status, headers: createHttpHeaders(headers), readableStreamBody: stream };
  }

  /** `GET /v2/`, `POST /oauth2/token` …: what was sent, in order. */
  get lines(): string[] {
    return this.seen.map(({ method, url }) => `${method} ${url.pathname}${url.search}`);
  }
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
  for await (const part of body as Readable) parts.push(part as Uint8Array);
  return Buffer.concat(parts);
}
