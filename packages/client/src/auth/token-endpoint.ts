import {
  createHttpHeaders,
  createPipelineRequest,
  type HttpClient,
  type Pipeline,
  type PipelineResponse,
} from "@azure/core-rest-pipeline";
import { describeCall, withHint } from "../errors/describe.ts";
import { errorFromResponse } from "../errors/from-response.ts";
import { ClientAuthenticationError, UnexpectedResponseError } from "../errors/registry-error.ts";
import { errorFromFailure } from "../errors/transport.ts";
import { attachContext, type CallContext, type CallDescription } from "../pipeline/call-context.ts";
import { discardBody, readText } from "../pipeline/response-body.ts";
import { type LoginScheme, readChallenge } from "./challenge.ts";
import type { ClockSkew } from "./clock-skew.ts";
import { isVisibleAscii } from "./identity.ts";
import type { TokenRequest } from "./token-requests.ts";

/** A token service's answer; ACR sends `refresh_token` or `access_token` alone, others `token` and `expires_in` as well. */
export interface TokenAnswer {
  readonly refreshToken: string | undefined;
  readonly accessToken: string | undefined;
  readonly expiresInSeconds: number | undefined;
}

/** JWTs of ACR have up to a few KiB; groups in other services' tokens may make them larger. */
const MAX_ANSWER_BYTES = 1024 * 1024;

export interface TokenEndpointOptions {
  readonly pipeline: Pipeline;
  readonly httpClient: HttpClient;
  readonly registry: URL;
  readonly idleTimeoutInMs: number;
  /** Told the `Date` of every answer. */
  readonly clockSkew: ClockSkew;
}

/** Sends the requests of the token flow: the same pipeline as every other request, but for the authorisation. */
export class TokenEndpoint {
  readonly #pipeline: Pipeline;
  readonly #httpClient: HttpClient;
  readonly #registry: URL;
  readonly #idleTimeoutInMs: number;
  readonly #clockSkew: ClockSkew;

  constructor({ pipeline, httpClient, registry, idleTimeoutInMs, clockSkew }: TokenEndpointOptions) {
    this.#pipeline = pipeline;
    this.#httpClient = httpClient;
    this.#registry = registry;
    this.#idleTimeoutInMs = idleTimeoutInMs;
    this.#clockSkew = clockSkew;
  }

  /** Asks the registry's base address how it wants callers to log in; undefined when the answer does not tell. */
  async discover(abortSignal: AbortSignal): Promise<LoginScheme | undefined> {
    const response = await this.#send(
      { url: new URL("/v2/", this.#registry), method: "GET" },
      this.#describe(),
      abortSignal,
    );
    await discardBody(response);
    // Whoever it redirects to has no say in how to log in to the registry.
    if (new URL(response.request.url).origin !== this.#registry.origin) return undefined;
    if (response.status < 300) return { kind: "none" };
    if (response.status !== 401) return undefined;
    return readChallenge(response.headers.get("www-authenticate"), this.#registry)?.scheme;
  }

  /**
   * `refusalHint` is what to do when the service refuses, which it does without saying why.
   *
   * @throws {ClientAuthenticationError} the credential is refused
   * @throws {UnexpectedResponseError} the answer holds no token
   */
  async fetchToken(request: TokenRequest, refusalHint: string, abortSignal: AbortSignal): Promise<TokenAnswer> {
    const call = this.#describe(refusalHint);
    const response = await this.#send(request, call, abortSignal).catch((error: unknown) => {
      throw errorFromFailure(call, error);
    });
    await assertStayed(call, request, response);
    const text = await readText(response, {
      maxBytes: MAX_ANSWER_BYTES,
      idleTimeoutInMs: this.#idleTimeoutInMs,
      totalTimeoutInMs: this.#idleTimeoutInMs,
      what: "the token service's answer",
    });
    // What succeeds holds a token, which an error would carry on.
    if (response.status >= 300) {
      const error = errorFromResponse(call, response, text);
      if (response.status !== 400) throw error;
      // Token services answer 400 to credentials as well (OAuth's invalid_grant).
      throw new ClientAuthenticationError(error.message, { ...error, operation: call.operation, cause: error });
    }
    return parseAnswer(text, request.url, response.status, call);
  }

  #describe(refusalHint?: string): CallDescription {
    return {
      operation: "login",
      registry: this.#registry.host,
      metadataApi: false,
      ...(refusalHint === undefined ? {} : { refusalHint }),
    };
  }

  async #send(token: TokenRequest, call: CallDescription, abortSignal: AbortSignal): Promise<PipelineResponse> {
    const url = new URL(token.url);
    for (const [name, value] of token.query ?? []) url.searchParams.append(name, value);
    const headers = createHttpHeaders({ accept: "application/json" });
    if (token.authorization !== undefined) headers.set("authorization", token.authorization);
    if (token.form !== undefined) headers.set("content-type", "application/x-www-form-urlencoded");
    const request = createPipelineRequest({
      url: url.toString(),
      method: token.method,
      headers,
      abortSignal,
      allowInsecureConnection: url.protocol === "http:",
      enableBrowserStreams: true,
      streamResponseStatusCodes: new Set([Number.POSITIVE_INFINITY]),
      // A browser follows redirects by itself, with the body, and does not tell where it ended. Node's transport never does.
      requestOverrides: { redirect: "manual" },
      ...(token.form === undefined
        ? {}
        : {
            body: new URLSearchParams(token.form.map(([name, value]) => [name, value] as [string, string])).toString(),
          }),
    });
    const context: CallContext = {
      call,
      scopes: [],
      repeatable: true,
      hasBodyAgain: true,
      idleTimeoutInMs: this.#idleTimeoutInMs,
      buffer: { maxBytes: MAX_ANSWER_BYTES, what: "the token service's answer" },
    };
    const response = await this.#pipeline.sendRequest(this.#httpClient, attachContext(request, context));
    this.#clockSkew.learn(response.headers.get("date"), Date.now());
    return response;
  }
}

/** What a browser makes of a redirect that it was told not to follow; where it leads is not shown. */
const UNFOLLOWED = 0;

/**
 * Tokens come from the address that was asked. A redirect is not followed with a secret in the body (the pipeline follows GET
 * alone, and without `Authorization` to another origin); what another origin answers to the bare question is no token for this
 * registry.
 */
async function assertStayed(call: CallDescription, asked: TokenRequest, response: PipelineResponse): Promise<void> {
  const { status, headers, request } = response;
  const isRedirect = status === UNFOLLOWED || (status >= 300 && status < 400);
  const elsewhere = URL.parse(isRedirect ? (headers.get("location") ?? "") : request.url, request.url)?.origin;
  if (!isRedirect && elsewhere === asked.url.origin) return;
  await discardBody(response);
  const hint = "Check that the endpoint is a container registry, and what stands between it and this machine.";
  const reason = `the token service at ${asked.url.origin}${asked.url.pathname} redirects to ${status === UNFOLLOWED ? "another address" : (elsewhere ?? "nowhere")}, which is not followed with a credential`;
  throw new UnexpectedResponseError(`${describeCall(call)} failed: ${withHint(reason, hint)}`, {
    operation: call.operation,
    code: "INVALID_REDIRECT",
    statusCode: status,
    hint,
  });
}

function parseAnswer(text: string, url: URL, statusCode: number, call: CallDescription): TokenAnswer {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const { access_token, token, refresh_token, expires_in } = (value ?? {}) as Record<string, unknown>;
  const accessToken = tokenOrUndefined(access_token) ?? tokenOrUndefined(token);
  const refreshToken = tokenOrUndefined(refresh_token);
  if (accessToken === undefined && refreshToken === undefined) {
    const hint = "Check that the endpoint is a container registry.";
    const reason = withHint(`the token service at ${url.origin}${url.pathname} answered without a token`, hint);
    throw new UnexpectedResponseError(`${describeCall(call)} failed: ${reason}`, {
      operation: call.operation,
      code: "INVALID_TOKEN_ANSWER",
      statusCode,
      hint,
    });
  }
  return {
    accessToken,
    refreshToken,
    expiresInSeconds: typeof expires_in === "number" && expires_in > 0 ? expires_in : undefined,
  };
}

/** One that was garbled on its way could be kept for as long as it says it lives, without a header ever being able to carry it. */
function tokenOrUndefined(value: unknown): string | undefined {
  return typeof value === "string" && isVisibleAscii(value) ? value : undefined;
}
