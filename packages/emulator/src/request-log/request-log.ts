import type { EmulatorRequest } from "../protocol/message.ts";
import { LoggedRequest, type RequestLogEntry } from "./entry.ts";
import { RequestSelection } from "./selection.ts";

/** An emulator may run for days: older entries make room. */
const MAX_ENTRIES = 10_000;

/** What a server tells of a request once it has begun. */
export interface RequestObservation {
  answered(answer: { readonly status: number; readonly failure?: unknown }): void;
  ended(): void;
}

/**
 * The requests an emulator has answered, on all origins, oldest first. An entry is there before the client sees the answer.
 * Health checks do not count.
 *
 * @example
 * ```ts
 * import { startEmulator } from "@acrkit/emulator";
 * const emulator = await startEmulator({ tls: false });
 * await fetch(`${emulator.endpoint}/v2/`);
 *
 * emulator.requests.expectSequence({ operation: "checkApi", status: 401 });
 * emulator.requests.of({ origin: "storage" }).expectNone();
 * await emulator.close();
 * ```
 */
export class RequestLog extends RequestSelection {
  protected override readonly description: string = "";
  readonly #now: () => number;
  readonly #watchers = new Set<(entry: RequestLogEntry) => void>();
  #entries: RequestLogEntry[] = [];

  constructor(now: () => number) {
    super();
    this.#now = now;
  }

  override get entries(): readonly RequestLogEntry[] {
    return this.#entries;
  }

  clear(): void {
    this.#entries = [];
  }

  /** Calls `watcher` with each request whose answer is out, or whose client is gone. The function given back ends that. */
  watch(watcher: (entry: RequestLogEntry) => void): () => void {
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  /** Notes a request that has come in. */
  observe(
    request: EmulatorRequest,
    traffic: { readonly bytesIn: number; readonly bytesOut: number },
  ): RequestObservation {
    const startedMs = performance.now();
    let entry: LoggedRequest | undefined;
    return {
      answered: ({ status, failure }) => {
        entry = new LoggedRequest(request, { status, failure, answeredAt: this.#now() }, traffic, startedMs);
        this.#add(entry);
      },
      ended: () => {
        entry?.end();
        if (entry !== undefined) for (const watcher of this.#watchers) watcher(entry);
      },
    };
  }

  #add(entry: RequestLogEntry): void {
    if (this.#entries.length >= MAX_ENTRIES) this.#entries = this.#entries.slice(MAX_ENTRIES / 2);
    this.#entries.push(entry);
  }
}
