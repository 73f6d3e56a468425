import { OPERATIONS, type OperationName, type OperationParameters, operationPath, operationScopes } from "@acrkit/oci";
import type { OperationOptions } from "@azure/core-client";
import {
  createHttpHeaders,
  createPipelineRequest,
  type HttpClient,
  type Pipeline,
  type PipelineResponse,
  type RequestBodyType,
} from "@azure/core-rest-pipeline";
import { describeCall } from "../errors/describe.ts";
import { errorFromResponse } from "../errors/from-response.ts";
import { errorFromFailure } from "../errors/transport.ts";
import { throwIfAborted, toAbortSignal } from "../pipeline/abort-signal.ts";
import type { BackOff } from "../pipeline/back-off.ts";
import {
  attachContext,
  type CallContext,
  type CallDescription,
  type RedirectMemory,
} from "../pipeline/call-context.ts";
import type { IdleTimer } from "../pipeline/idle-timer.ts";
import { readText } from "../pipeline/response-body.ts";
import { BodyLimits } from "./body-limits.ts";
import { RegistryResponse } from "./response.ts";

/** One request to the registry, in the words of the operation table. */
export interface RegistryCall {
  /** The client's method on whose behalf it is made; errors name it. */
  readonly method: string;
  readonly operation: OperationName;
  readonly parameters?: OperationParameters;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Instead of the operation's own path: an upload's `Location`, a list's `Link`. Checked by whoever passes it. */
  readonly url?: URL;
  /** The tag or digest the call is about, for its errors; the parameters' own when left out. */
  readonly reference?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBodyType;
  /** The other repository of a mount, which the token must reach as well. */
  readonly mountFrom?: string;
  readonly expected: readonly number[];
  /** False for what must not be sent twice; true when left out. */
  readonly repeatable?: boolean;
  /** Where the registry may need longer than the client's idle timeout. */
  readonly idleTimeoutInMs?: number;
  /** How much of the answer is read; a page of a list when left out, `stream` for a blob's bytes as they flow. */
  readonly answer?: { readonly maxBytes: number; readonly what: string } | "stream";
  /** Shared by the requests of one transfer, so that they go straight to where the first was redirected. */
  readonly redirects?: RedirectMemory;
  readonly options: OperationOptions;
  /** Called before the request is sent, with the watch that its body can pause and touch once it is under way. */
  readonly onStart?: (watch: () => IdleTimer | undefined) => void;
}

/** A page of a list has at most 1,000 entries of some hundred bytes; ten times that leaves room for long tag lists. */
const MAX_JSON_BYTES = 16 * 1024 * 1024;

/** A body in memory is handed over whole, so that nothing is seen of its progress: as long as it takes at this rate. */
const SLOWEST_BYTES_PER_MS = 16;

/** An error's text is read up to here; a gateway's HTML page may be longer. */
const MAX_ERROR_BYTES = 64 * 1024;

/** What a connection is made of. */
export interface ConnectionParts {
  readonly endpoint: URL;
  readonly pipeline: Pipeline;
  readonly httpClient: HttpClient;
  readonly idleTimeoutInMs: number;
  readonly backOff: BackOff;
}

/** The registry at the other end: sends calls through the pipeline and turns what goes wrong into errors, once. */
export class RegistryConnection {
  readonly endpoint: URL;
  readonly idleTimeoutInMs: number;
  /** How often, and after which pause, a transfer goes on after a break; requests have the same in their pipeline. */
  readonly backOff: BackOff;
  readonly bodyLimits = new BodyLimits();
  readonly #pipeline: Pipeline;
  readonly #httpClient: HttpClient;

  constructor({ endpoint, pipeline, httpClient, idleTimeoutInMs, backOff }: ConnectionParts) {
    this.endpoint = endpoint;
    this.#pipeline = pipeline;
    this.#httpClient = httpClient;
    this.idleTimeoutInMs = idleTimeoutInMs;
    this.backOff = backOff;
  }

  /**
   * Sends a call and returns its answer, read into memory unless the call asks for a stream.
   *
   * @throws {RegistryError} of the kind that fits, when the status is none of the expected ones or no answer came
   */
  async send(call: RegistryCall): Promise<RegistryResponse> {
    const description = this.#describe(call);
    const abortSignal = toAbortSignal(call.options.abortSignal);
    throwIfAborted(abortSignal);
    try {
      const response = await this.#sendRequest(call, description, abortSignal);
      if (call.expected.includes(response.status)) {
        return new RegistryResponse(response, {
          call: description,
          idleTimeoutInMs: this.idleTimeoutInMs,
          abortSignal,
        });
      }
      throw errorFromResponse(description, response, await this.#errorText(response));
    } catch (error) {
      throwIfAborted(abortSignal);
      throw errorFromFailure(description, error);
    }
  }

  #describe(call: RegistryCall): CallDescription {
    const { name, tag, digest, reference } = call.parameters ?? {};
    return {
      operation: call.method,
      registry: this.endpoint.host,
      repository: name,
      reference: call.reference ?? reference ?? tag ?? digest,
      metadataApi: OPERATIONS[call.operation].path.startsWith("/acr/"),
    };
  }

  async #sendRequest(
    call: RegistryCall,
    description: CallDescription,
    abortSignal: AbortSignal | undefined,
  ): Promise<PipelineResponse> {
    const { requestOptions, onResponse, tracingOptions } = call.options;
    const { answer = { maxBytes: MAX_JSON_BYTES, what: `the answer to ${describeCall(description)}` } } = call;
    const context: CallContext = {
      call: description,
      scopes: operationScopes(call.operation, call.parameters?.name, call.mountFrom),
      repeatable: call.repeatable ?? true,
      hasBodyAgain: !isStream(call.body),
      idleTimeoutInMs: (call.idleTimeoutInMs ?? this.idleTimeoutInMs) + sendingTime(call.body),
      buffer: answer === "stream" ? undefined : answer,
      redirects: call.redirects,
    };
    call.onStart?.(() => context.watch);
    const request = createPipelineRequest({
      url: this.#url(call).toString(),
      method: OPERATIONS[call.operation].method,
      headers: createHttpHeaders({ ...call.headers, ...requestOptions?.customHeaders }),
      timeout: requestOptions?.timeout ?? 0,
      // The endpoint was checked when the client was made: http is only there where it may be.
      allowInsecureConnection: this.endpoint.protocol === "http:",
      enableBrowserStreams: true,
      streamResponseStatusCodes: new Set([Number.POSITIVE_INFINITY]),
      ...(call.body === undefined ? {} : { body: call.body }),
      ...(abortSignal === undefined ? {} : { abortSignal }),
      ...(requestOptions?.onUploadProgress === undefined ? {} : { onUploadProgress: requestOptions.onUploadProgress }),
      ...(requestOptions?.onDownloadProgress === undefined
        ? {}
        : { onDownloadProgress: requestOptions.onDownloadProgress }),
    });
    // Not among what `createPipelineRequest` takes over; without it, the spans of requests belong to no call.
    if (tracingOptions !== undefined) request.tracingOptions = tracingOptions;
    const response = await this.#pipeline.sendRequest(this.#httpClient, attachContext(request, context));
    onResponse?.(response as never, undefined);
    return response;
  }

  #url(call: RegistryCall): URL {
    const url = call.url ?? new URL(operationPath(call.operation, call.parameters), this.endpoint);
    if (call.query === undefined) return url;
    const withQuery = new URL(url);
    for (const [name, value] of Object.entries(call.query)) {
      if (value !== undefined) withQuery.searchParams.set(name, value);
    }
    return withQuery;
  }

  async #errorText(response: PipelineResponse): Promise<string> {
    try {
      return await readText(response, {
        maxBytes: MAX_ERROR_BYTES,
        idleTimeoutInMs: this.idleTimeoutInMs,
        totalTimeoutInMs: this.idleTimeoutInMs,
        what: "the error's text",
      });
    } catch {
      return ""; // the status says more than a broken or endless text
    }
  }
}

/** A stream is gone once it has been sent; bytes, text, nothing, and a function that opens one are there for another time. */
function isStream(body: RequestBodyType | undefined): boolean {
  return typeof body === "object" && body !== null && ("pipe" in body || body instanceof ReadableStream);
}

function sendingTime(body: RequestBodyType | undefined): number {
  const length = typeof body === "string" ? body.length : body instanceof Uint8Array ? body.byteLength : 0;
  return length / SLOWEST_BYTES_PER_MS;
}
