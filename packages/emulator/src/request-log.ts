import { matchOperation, type OperationName } from "@acrkit/oci";
import type { EmulatorRequest, EmulatorResponse, Handler, Origin } from "./protocol/message.ts";

/** One request and what became of it. */
export interface RequestLogEntry {
  readonly origin: Origin;
  readonly method: string;
  /** As it was sent, escapes and all. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** By lower-case name. Holds whatever credentials the client sent. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** 0 when the connection was cut instead of an answer. */
  readonly status: number;
  /** Which operation of the registry it was, if any. */
  readonly operation: OperationName | undefined;
  /** What went wrong inside the emulator, or inside an interceptor. */
  readonly failure?: unknown;
}

/** An emulator may run for days: older entries make room. */
const MAX_ENTRIES = 10_000;

/** The requests an emulator has answered, oldest first. An entry is there before the client sees the answer. */
export class RequestLog {
  #entries: RequestLogEntry[] = [];

  get entries(): readonly RequestLogEntry[] {
    return this.#entries;
  }

  clear(): void {
    this.#entries = [];
  }

  /** The handler, noting what goes through it. */
  around(handler: Handler): Handler {
    return async (request) => {
      try {
        const response = await handler(request);
        this.#add(request, response);
        return response;
      } catch (failure) {
        this.#add(request, { status: 0, headers: [], failure });
        throw failure;
      }
    };
  }

  #add({ origin, method, path, query, headers }: EmulatorRequest, { status, failure }: EmulatorResponse): void {
    if (this.#entries.length >= MAX_ENTRIES) this.#entries = this.#entries.slice(MAX_ENTRIES / 2);
    const operation = origin === "registry" ? operationOf(method, path) : undefined;
    this.#entries.push({ origin, method, path, query, headers, status, operation, failure });
  }
}

function operationOf(method: string, path: string): OperationName | undefined {
  const match = matchOperation(method, path);
  return match !== undefined && "operation" in match ? match.operation.name : undefined;
}
