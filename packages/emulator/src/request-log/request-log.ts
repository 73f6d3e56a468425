import type { EmulatorRequest } from "../protocol/message.ts";
import { LoggedRequest, type RequestLogEntry } from "./entry.ts";
import { RequestSelection } from "./selection.ts";

/** An emulator may run for days: older entries make room. */
const MAX_ENTRIES = 10_000;

/** A head may have 32 KiB, of which usual ones have a twentieth: as many as those that fit are kept of large ones. */
const MAX_CHARACTERS = 32 * 1024 * 1024;

/** What a server tells of a request once it has begun. */
export interface RequestObservation {
  answered(answer: { readonly status: number; readonly failure?: unknown }): void;
  ended(): void;
}

/**
 * The requests an emulator has answered, on all origins, oldest first: the last 5,000 at least, unless clients send very
 * large heads. An entry is there before the client sees the answer. Health checks do not count.
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
  #entries: LoggedRequest[] = [];
  #characters = 0;

  constructor(now: () => number) {
    super();
    this.#now = now;
  }

  override get entries(): readonly RequestLogEntry[] {
    return this.#entries;
  }

  clear(): void {
    this.#entries = [];
    this.#characters = 0;
  }

  /** Calls `watcher` with each request whose answer is out, or whose client is gone. The function given back ends that. */
  watch(watcher: (entry: RequestLogEntry) => void): () => void {
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  /** Notes a request that has come in. Once `signal` aborts, nothing more is heard of it. */
  observe(
    request: EmulatorRequest,
    traffic: { readonly bytesIn: number; readonly bytesOut: number },
    signal?: AbortSignal,
  ): RequestObservation {
    const startedMs = performance.now();
    let entry: LoggedRequest | undefined;
    return {
      answered: ({ status, failure }) => {
        if (signal?.aborted) return;
        entry = new LoggedRequest(request, { status, failure, answeredAt: this.#now() }, traffic, startedMs);
        this.#add(entry);
      },
      ended: () => {
        entry?.end();
        if (entry !== undefined && !signal?.aborted) for (const watcher of this.#watchers) watcher(entry);
      },
    };
  }

  #add(entry: LoggedRequest): void {
    this.#characters += entry.length;
    if (this.#entries.length >= MAX_ENTRIES || this.#characters > MAX_CHARACTERS) {
      this.#entries = this.#entries.slice(Math.ceil(this.#entries.length / 2));
      this.#characters = [...this.#entries, entry].reduce((sum, { length }) => sum + length, 0);
    }
    this.#entries.push(entry);
  }
}
