import { inspect } from "node:util";
import { matchOperation, type OperationName } from "@acrkit/oci";
import type { EmulatorRequest, Origin } from "../protocol/message.ts";
import { redactedHeaders, redactedQuery } from "./redact.ts";

/** One request and what became of it. */
export interface RequestLogEntry {
  readonly origin: Origin;
  readonly method: string;
  /** As it was sent, escapes and all. */
  readonly path: string;
  readonly query: URLSearchParams;
  /**
   * By lower-case name, with whatever credentials the client sent: a test may look at them. Where an entry is printed, by
   * `console.log`, as JSON or in the difference that a test framework shows, they are left out.
   */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** 0 when the connection was cut instead of an answer. */
  readonly status: number;
  /** Which operation of the registry it was, if any. */
  readonly operation: OperationName | undefined;
  /** The repository that the path names, if any. */
  readonly repository: string | undefined;
  /** When the answer was ready, by the emulator's clock, in milliseconds since 1970. */
  readonly answeredAt: number;
  /** Real milliseconds from the request's head to the last byte of the answer; as long as that goes on, until now. */
  readonly durationMs: number;
  /** Bytes of the request's body that the registry has read. */
  readonly bytesIn: number;
  /** Bytes of the answer's body that have been sent. */
  readonly bytesOut: number;
  /** What went wrong inside the emulator, or inside an interceptor. */
  readonly failure?: unknown;
}

/** An entry whose numbers grow until the answer is out. */
export class LoggedRequest implements RequestLogEntry {
  readonly origin: Origin;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly answeredAt: number;
  readonly failure: unknown;
  // What holds credentials is not among the properties that differences and copies are made of.
  readonly #query: URLSearchParams;
  readonly #headers: Readonly<Record<string, string | undefined>>;
  readonly #traffic: { readonly bytesIn: number; readonly bytesOut: number };
  readonly #startedMs: number;
  #endedMs: number | undefined;
  #address: { operation?: OperationName; repository?: string | undefined } | undefined;

  constructor(
    { origin, method, path, query, headers }: EmulatorRequest,
    answer: { readonly status: number; readonly failure?: unknown; readonly answeredAt: number },
    traffic: { readonly bytesIn: number; readonly bytesOut: number },
    startedMs: number,
  ) {
    this.origin = origin;
    this.method = method;
    this.path = path;
    this.#query = query;
    this.#headers = headers;
    this.status = answer.status;
    this.answeredAt = answer.answeredAt;
    this.failure = answer.failure;
    this.#traffic = traffic;
    this.#startedMs = startedMs;
  }

  get query(): URLSearchParams {
    return this.#query;
  }

  get headers(): Readonly<Record<string, string | undefined>> {
    return this.#headers;
  }

  get operation(): OperationName | undefined {
    return this.#addressed().operation;
  }

  get repository(): string | undefined {
    return this.#addressed().repository;
  }

  get durationMs(): number {
    return (this.#endedMs ?? performance.now()) - this.#startedMs;
  }

  get bytesIn(): number {
    return this.#traffic.bytesIn;
  }

  get bytesOut(): number {
    return this.#traffic.bytesOut;
  }

  /** Characters of what the client decides the length of; in memory each is a byte, but for rare ones. */
  get length(): number {
    let length = this.path.length;
    for (const [name, value] of this.#query) length += name.length + value.length;
    for (const [name, value = ""] of Object.entries(this.#headers)) length += name.length + value.length;
    return length;
  }

  end(): void {
    this.#endedMs ??= performance.now();
  }

  /** What may be shown to anyone: `JSON.stringify` and the assertions of test frameworks call it. */
  toJSON(): Record<string, unknown> {
    const { origin, method, path, status, operation, repository, answeredAt, bytesIn, bytesOut, failure } = this;
    return {
      answeredAt: new Date(answeredAt).toISOString(),
      origin,
      method,
      path,
      query: redactedQuery(this.query),
      status,
      operation,
      repository,
      durationMs: Math.round(this.durationMs * 10) / 10,
      bytesIn,
      bytesOut,
      headers: redactedHeaders(this.headers),
      ...(failure === undefined ? {} : { failure: failure instanceof Error ? failure.message : String(failure) }),
    };
  }

  [inspect.custom](_depth: number, options: object): string {
    return inspect(this.toJSON(), options);
  }

  /** Looked up when somebody asks, which for most requests is never. */
  #addressed() {
    if (this.#address === undefined) {
      const match = this.origin === "registry" ? matchOperation(this.method, this.path) : undefined;
      this.#address =
        match !== undefined && "operation" in match
          ? { operation: match.operation.name, repository: match.parameters.name }
          : {};
    }
    return this.#address;
  }
}
