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
import type { TokenRequest } from "./token-requests.ts";

/** A token service's answer; ACR sends `refresh_token` or `access_token` alone, others `token` and `expires_in` as well. */
export interface TokenAnswer {
  readonly refreshToken: string | undefined;
  readonly accessToken: string | undefined;
  readonly expiresInSeconds: number | undefined;
}

/** `/oauth2/exchange` refuses without a challenge, for a wrong audience as for an identity without any role. */
const CREDENTIAL_REFUSED =
  "The registry refused the credential: check the password or token, that the identity has a role on this registry, and the client's audience option.";

const ANONYMOUS_REFUSED =
  "No credential was given, and the registry does not allow anonymous pull: pass a credential as the client's second argument.";

/** JWTs of ACR have up to a few KiB; groups in other services' tokens may make them larger. */
const MAX_ANSWER_BYTES = 1024 * 1024;

export interface TokenEndpointOptions {
  readonly pipeline: Pipeline;
  readonly httpClient: HttpClient;
  readonly registry: URL;
  readonly idleTimeoutInMs: number;
  /** Whether there is a credential that could be refused. */
  readonly anonymous: boolean;
}

/** Sends the requests of the token flow: the same pipeline as every other request, but for the authorisation. */
export class TokenEndpoint {
  readonly #pipeline: Pipeline;
  readonly #httpClient: HttpClient;
  readonly #registry: URL;
  readonly #context: CallContext;

  constructor({ pipeline, httpClient, registry, idleTimeoutInMs, anonymous }: TokenEndpointOptions) {
    this.#pipeline = pipeline;
    this.#httpClient = httpClient;
    this.#registry = registry;
    this.#context = {
      call: {
        operation: "login",
        registry: registry.host,
        metadataApi: false,
        refusalHint: anonymous ? ANONYMOUS_REFUSED : CREDENTIAL_REFUSED,
      },
      scopes: [],
      repeatable: true,
      idleTimeoutInMs,
      buffer: { maxBytes: MAX_ANSWER_BYTES, what: "the token service's answer" },
    };
  }

  /** Asks the registry's base address how it wants callers to log in; undefined when the answer does not tell. */
  async discover(abortSignal: AbortSignal): Promise<LoginScheme | undefined> {
    const response = await this.#send({ url: new URL("/v2/", this.#registry), method: "GET" }, abortSignal);
    await discardBody(response);
    if (response.status < 300) return { kind: "none" };
    if (response.status !== 401) return undefined;
    return readChallenge(response.headers.get("www-authenticate"), this.#registry)?.scheme;
  }

  /**
   * @throws {ClientAuthenticationError} the credential is refused
   * @throws {UnexpectedResponseError} the answer holds no token
   */
  async fetchToken(request: TokenRequest, abortSignal: AbortSignal): Promise<TokenAnswer> {
    const { call } = this.#context;
    const response = await this.#send(request, abortSignal).catch((error: unknown) => {
      throw errorFromFailure(call, error);
    });
    const text = await readText(response, {
      maxBytes: MAX_ANSWER_BYTES,
      idleTimeoutInMs: this.#context.idleTimeoutInMs,
      totalTimeoutInMs: this.#context.idleTimeoutInMs,
      what: "the token service's answer",
    });
    if (response.status !== 200) {
      const error = errorFromResponse(call, response, text);
      if (response.status !== 400) throw error;
      // Token services answer 400 to credentials as well (OAuth's invalid_grant).
      throw new ClientAuthenticationError(error.message, { ...error, operation: call.operation, cause: error });
    }
    return parseAnswer(text, request.url, call);
  }

  #send(token: TokenRequest, abortSignal: AbortSignal): Promise<PipelineResponse> {
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
      ...(token.form === undefined
        ? {}
        : {
            body: new URLSearchParams(token.form.map(([name, value]) => [name, value] as [string, string])).toString(),
          }),
    });
    return this.#pipeline.sendRequest(this.#httpClient, attachContext(request, { ...this.#context }));
  }
}

function parseAnswer(text: string, url: URL, call: CallDescription): TokenAnswer {
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
      statusCode: 200,
      hint,
    });
  }
  return {
    accessToken,
    refreshToken,
    expiresInSeconds: typeof expires_in === "number" && expires_in > 0 ? expires_in : undefined,
  };
}

/**
 * Visible ASCII, which is all that tokens are made of (RFC 6750 has less). One that was garbled on its way could otherwise be
 * kept for as long as it says it lives, without a header ever being able to carry it to the registry that would refuse it.
 */
function tokenOrUndefined(value: unknown): string | undefined {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value) ? value : undefined;
}
