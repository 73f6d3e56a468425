import { collectBytes } from "@acrkit/oci";
import type { HttpHeaders, PipelineResponse } from "@azure/core-rest-pipeline";
import { describeCall, withHint } from "../errors/describe.ts";
import { UnexpectedResponseError } from "../errors/registry-error.ts";
import { errorFromFailure } from "../errors/transport.ts";
import { throwIfAborted } from "../pipeline/abort-signal.ts";
import type { CallDescription } from "../pipeline/call-context.ts";
import { withoutSecrets } from "../pipeline/redact.ts";
import { type BodyReader, closeBody, discardBody, openBody } from "../pipeline/response-body.ts";

interface ResponseContext {
  readonly call: CallDescription;
  readonly idleTimeoutInMs: number;
  readonly abortSignal: AbortSignal | undefined;
}

/**
 * An expected answer. Its body is in memory already, and may be left unread, unless its call asked for a stream: that must be
 * read to its end or left, discarded, or closed.
 */
export class RegistryResponse {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly #response: PipelineResponse;
  readonly #context: ResponseContext;
  #isOpened = false;

  constructor(response: PipelineResponse, context: ResponseContext) {
    this.status = response.status;
    this.headers = response.headers;
    this.#response = response;
    this.#context = context;
  }

  /** `Content-Length`, where it is a number of bytes. */
  get contentLength(): number | undefined {
    const value = this.headers.get("content-length");
    return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
  }

  /** The body, to be read by asking. Single use; what breaks it on the way is an error of the call. */
  open(): BodyReader {
    const { call, idleTimeoutInMs, abortSignal } = this.#context;
    this.#isOpened = true;
    const body = openBody(this.#response, { idleTimeoutInMs });
    const explained = async <T>(work: () => Promise<T>): Promise<T> => {
      try {
        throwIfAborted(abortSignal);
        return await work();
      } catch (error) {
        body.close();
        throwIfAborted(abortSignal);
        throw errorFromFailure(call, error);
      }
    };
    return {
      read: () => explained(body.read),
      readInto: (into) => explained(() => body.readInto(into)),
      close: body.close,
    };
  }

  /** The same as a loop. */
  async *body(): AsyncGenerator<Uint8Array, void, undefined> {
    const body = this.open();
    try {
      for (;;) {
        const part = await body.read();
        if (part === undefined) return;
        yield part;
      }
    } finally {
      body.close();
    }
  }

  /** The body of an answer that was read into memory, within the bound that its call has set. */
  bytes(): Promise<Uint8Array> {
    return collectBytes(this.body(), Number.POSITIVE_INFINITY, "the answer");
  }

  /** @throws {UnexpectedResponseError} the body is no JSON */
  async json(): Promise<unknown> {
    const text = new TextDecoder().decode(await this.bytes());
    try {
      return JSON.parse(text);
    } catch {
      throw this.unexpected("the answer is not JSON");
    }
  }

  /** Closes the connection of a stream that has not been opened; one that has is for whoever reads it. */
  close(): void {
    if (!this.#isOpened) closeBody(this.#response);
  }

  /** Ends a stream that nobody wants, and keeps the connection where little is left of it. */
  async discard(): Promise<void> {
    if (!this.#isOpened) await discardBody(this.#response);
  }

  /** The error for an answer that is not what the protocol has. */
  unexpected(problem: string): UnexpectedResponseError {
    const { call } = this.#context;
    const hint = "Check that the endpoint is a container registry, and that no proxy on the way changes its answers.";
    const reason = withHint(`${problem} (status ${this.status})`, hint);
    return new UnexpectedResponseError(`${describeCall(call)} failed: ${reason}`, {
      operation: call.operation,
      repository: call.repository,
      code: "UNEXPECTED_RESPONSE",
      statusCode: this.status,
      correlationId: this.headers.get("x-ms-correlation-request-id"),
      hint,
      request: withoutSecrets(this.#response.request),
    });
  }
}
