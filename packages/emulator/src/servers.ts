import { Admission } from "./admission.ts";
import type { Faults } from "./faults/faults.ts";
import { type Interceptor, Interceptors } from "./faults/interceptors.ts";
import type { Handler, Origin } from "./protocol/message.ts";
import type { RequestLog } from "./request-log/request-log.ts";
import type { Certificate } from "./server/certificate.ts";
import type { Aside, Observe } from "./server/exchange.ts";
import { type Listener, listen } from "./server/listener.ts";

/** What all servers of an emulator have in common. */
export interface ServersOptions {
  /** The address to listen on. */
  readonly host: string;
  readonly tls: Certificate | undefined;
  /** The emulator's clock. */
  readonly now: () => number;
  readonly requests: RequestLog;
  readonly faults: Faults;
}

/** One server to start. */
export interface ServerOptions {
  readonly origin: Origin;
  readonly handler: Handler;
  /** 0 is any free port. */
  readonly port?: number | undefined;
  /** Answers what is no business of the registry's. */
  readonly aside?: Aside;
}

/**
 * The servers of one emulator. The way of a request, outermost first: the log, the door that a reset closes, interceptors,
 * faults, the handler.
 */
export class Servers {
  readonly #options: ServersOptions;
  readonly #listeners: Listener[] = [];
  readonly #admission = new Admission();
  readonly #interceptors = new Interceptors();

  constructor(options: ServersOptions) {
    this.#options = options;
  }

  /** Starts one and gives its port. */
  async serve({ origin, handler, port = 0, aside }: ServerOptions): Promise<number> {
    const { host, tls, now, requests, faults } = this.#options;
    const admission = this.#admission;
    const whole = admission.around((inner, signal) => this.#interceptors.around(faults.around(inner, signal)), handler);
    const observe: Observe = (request, traffic) => {
      const { answered, ended } = requests.observe(request, traffic, admission.signal);
      return {
        answered,
        ended() {
          ended();
          admission.leave(request);
        },
      };
    };
    const listener = await listen({ origin, handler: whole, now, observe, aside }, { host, port, tls });
    this.#listeners.push(listener);
    return listener.port;
  }

  intercept(interceptor: Interceptor): () => void {
    return this.#interceptors.add(interceptor);
  }

  /** Cuts what is under way, removes the interceptors, and does `work` while no request comes in. */
  reset(work: () => Promise<void>): Promise<void> {
    return this.#admission.reset(
      () => {
        for (const listener of this.#listeners) listener.cutRequests();
      },
      async () => {
        this.#interceptors.clear();
        await work();
      },
    );
  }

  /** Stops accepting, gives what is under way `graceMs` to end, and closes every connection. */
  async close(graceMs: number): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close({ graceMs })));
  }
}
