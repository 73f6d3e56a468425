import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { isInvalidInputError, type OperationName } from "@acrkit/oci";
import type { Handler, Origin } from "../protocol/message.ts";
import { perform, type Stage } from "./acts.ts";
import { badHeaderAnswer } from "./answers.ts";
import { createDraws, drawFault } from "./draws.ts";
import type { DrawnFault, FaultRule, FaultScript } from "./fault.ts";
import { FAULT_HEADER, readFaultHeader } from "./header.ts";
import { ConnectionCut } from "./interceptors.ts";
import { type Addressed, addressOf, isMatch } from "./matching.ts";
import { readRule, readScript, readSeed } from "./read-rules.ts";

/** How faults are set up; everything may be left out. */
export interface FaultsOptions {
  /** What every draw follows from: the same seed, rules and requests, the same faults. @default 1 */
  readonly seed?: number;
  /** Whether a request may ask for faults by its header `x-acrkit-fault`; otherwise the header means nothing. @default false */
  readonly allowHeader?: boolean;
  /** The registry's clock, in milliseconds since 1970, with `skewMs` added. @default the machine's, with it added */
  readonly now?: () => number;
}

/** A fault that has happened. */
export interface FiredFault {
  /** The object that was added; for a header, what it says. */
  readonly rule: FaultRule;
  /** With the numbers that were drawn. */
  readonly fault: DrawnFault;
  /** Which of the requests that matched the rule this was, from 1. */
  readonly match: number;
  readonly origin: Origin;
  readonly method: string;
  /** As it was sent, escapes and all. */
  readonly path: string;
  readonly operation: OperationName | undefined;
}

/** Sleep and a clock for paces, so that tests decide them. The sleep ends early, by an error, when the signal aborts. */
export interface FaultTiming {
  now(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

const REAL_TIMING: FaultTiming = {
  now: () => performance.now(),
  // The timer does not keep the process alive.
  sleep: (ms, signal) => sleep(ms, undefined, { signal, ref: false }),
};

/** An emulator may run for days: older entries make room. */
const MAX_FIRED = 10_000;

/** Paths are what can be long in an entry; usual ones come to a tenth of this. */
const MAX_FIRED_PATH_BYTES = 8 * 1024 * 1024;

/** Texts of the header whose matches are counted; the oldest is forgotten first, and would begin at 1 again. */
const MAX_HEADER_TEXTS = 1_000;

/** A rule and how far it has come. */
interface ActiveRule {
  readonly rule: FaultRule;
  readonly key: string;
  matches: number;
  hits: number;
}

/** A fault that a request will meet. */
interface Shot {
  readonly fault: DrawnFault;
  readonly stage: Stage;
}

/**
 * Faults on demand: rules that say which requests meet which fault. They can be added and removed while the registry runs.
 *
 * Rules are independent: a request meets the faults of all rules that hit it, that of the rule added first outermost. What a
 * rule draws follows from the seed, the rule itself (and how many equal ones stand before it) and the count of its matches,
 * so that a run is repeated by its seed as long as each rule meets its requests in the same order.
 *
 * @example
 * ```ts
 * import { startEmulator } from "@acrkit/emulator";
 * const emulator = await startEmulator({ tls: false });
 * const remove = emulator.faults.add({ operation: "checkApi", times: 1, fault: { kind: "error", status: 503, retryAfter: 1 } });
 * console.log((await fetch(`${emulator.endpoint}/v2/`)).status); // 503
 * console.log((await fetch(`${emulator.endpoint}/v2/`)).status); // 401, as it should be
 * console.log(emulator.faults.fired.length); // 1
 * remove();
 * await emulator.close();
 * ```
 */
export class Faults {
  readonly #allowHeader: boolean;
  readonly #now: () => number;
  readonly #timing: FaultTiming;
  readonly #closing = new AbortController();
  readonly #skew = new AsyncLocalStorage<number>();
  readonly #headers = new Map<string, readonly ActiveRule[]>();
  #seed: number;
  #rules: readonly ActiveRule[] = [];
  #fired: FiredFault[] = [];
  #firedPathBytes = 0;

  /** @throws {InvalidInputError} the seed is no whole number */
  constructor(options: FaultsOptions = {}, timing: FaultTiming = REAL_TIMING) {
    this.#seed = readSeed(options.seed ?? 1, "seed");
    this.#allowHeader = options.allowHeader ?? false;
    this.#now = options.now ?? (() => Date.now() + this.skewMs);
    this.#timing = timing;
  }

  /** What every draw follows from. */
  get seed(): number {
    return this.#seed;
  }

  /** What has happened, oldest first; the last 10,000 at most, and fewer when their paths are very long. A fault is there at the moment it happens, not before. */
  get fired(): readonly FiredFault[] {
    return this.#fired;
  }

  /**
   * How far the registry's clock is off for the request that is being answered, in milliseconds; 0 outside of one. To be
   * added to the clock's time wherever it is read.
   */
  get skewMs(): number {
    return this.#skew.getStore() ?? 0;
  }

  /**
   * Adds a rule, or several in this order, behind those that are there. The function given back removes them; requests that
   * are under way keep what they have met.
   *
   * @throws {InvalidInputError} a rule is none; its message names the member. Then none has been added.
   */
  add(rules: FaultRule | readonly FaultRule[]): () => void {
    const checked = isList(rules)
      ? rules.map((rule, index) => readRule(rule, `rules[${index}]`))
      : [readRule(rules, "rule")];
    const added: ActiveRule[] = [];
    for (const rule of checked) added.push(activate(rule, [...this.#rules, ...added]));
    this.#rules = [...this.#rules, ...added];
    return () => {
      this.#rules = this.#rules.filter((active) => !added.includes(active));
    };
  }

  /** Removes every rule, and forgets what has happened and been counted. */
  clear(): void {
    this.#rules = [];
    this.#fired = [];
    this.#firedPathBytes = 0;
    this.#headers.clear();
  }

  /**
   * Replaces everything by a script: its JSON text, or what that says.
   *
   * @throws {InvalidInputError} no JSON, or no script; its message names the member. Then everything is as it was.
   * @example
   * ```ts
   * import { startEmulator } from "@acrkit/emulator";
   * const emulator = await startEmulator({ tls: false });
   * emulator.faults.load(`{
   *   "seed": 7,
   *   "faults": [
   *     { "origin": "storage", "times": 2, "fault": { "kind": "cut-response", "after": { "from": 0, "to": 100000 } } },
   *     { "operation": "patchUpload", "probability": 0.5, "fault": { "kind": "delay", "ms": 200 } }
   *   ]
   * }`);
   * await emulator.close();
   * ```
   */
  load(script: string | FaultScript): void {
    const { seed = this.#seed, faults } = readScript(script);
    this.clear();
    this.#seed = seed;
    this.add(faults);
  }

  /**
   * The handler with the faults before it. A request meets the rules that are there when it arrives. Once `signal` aborts,
   * pauses and paces end, their connections are cut, and nothing more is noted.
   */
  around(handler: Handler, signal?: AbortSignal): Handler {
    return async (request) => {
      if (signal?.aborted) throw new ConnectionCut();
      const header = this.#allowHeader ? request.headers[FAULT_HEADER] : undefined;
      if (this.#rules.length === 0 && header === undefined) return handler(request);
      let asked: readonly ActiveRule[];
      try {
        asked = header === undefined ? [] : this.#ofHeader(header);
      } catch (error) {
        if (isInvalidInputError(error)) return badHeaderAnswer(error.message);
        throw error;
      }
      const addressed = addressOf(request);
      // All are asked before the first acts: one rule's count does not depend on another's fault.
      const shots = [...this.#rules, ...asked].flatMap((active) => this.#aim(active, addressed, signal));
      return shots.reduceRight<Handler>(
        (next, { fault, stage }) =>
          (received) =>
            perform(fault, received, next, stage),
        handler,
      )(request);
    };
  }

  /** Ends every pause and pace: the connections they hold up are cut. Belongs to the end of the registry. */
  close(): void {
    this.#closing.abort();
  }

  /** The same text is the same rule, wherever it comes from: `times` counts on over a client's retries. */
  #ofHeader(text: string): readonly ActiveRule[] {
    const known = this.#headers.get(text);
    if (known !== undefined) return known;
    const active: ActiveRule[] = [];
    for (const rule of readFaultHeader(text)) active.push(activate(rule, active, text));
    this.#headers.set(text, active);
    const oldest = this.#headers.keys().next().value;
    if (this.#headers.size > MAX_HEADER_TEXTS && oldest !== undefined) this.#headers.delete(oldest);
    return active;
  }

  /** Counts the match, and decides: nothing, or one shot. */
  #aim(active: ActiveRule, addressed: Addressed, signal: AbortSignal | undefined): readonly Shot[] {
    const { rule, key } = active;
    if (!isMatch(rule, addressed)) return [];
    const match = ++active.matches;
    const { skip = 0, times = Number.POSITIVE_INFINITY, probability = 1 } = rule;
    if (match <= skip || active.hits >= times) return [];
    const draws = createDraws(this.#seed, `${match}\n${key}`);
    if (draws.fraction() >= probability) return [];
    active.hits++;
    const fault = drawFault(rule.fault, draws);
    const stage: Stage = {
      draws,
      pacing: { now: this.#timing.now, sleep: (ms) => this.#sleep(ms, signal) },
      now: () => this.#now(),
      skewed: (ms, work) => this.#skew.run(this.skewMs + ms, work),
      happens: () => {
        if (!signal?.aborted) this.#note({ rule, fault, match, ...summary(addressed) });
      },
    };
    return [{ fault, stage }];
  }

  async #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const closing = this.#closing.signal;
    try {
      await this.#timing.sleep(ms, signal === undefined ? closing : AbortSignal.any([closing, signal]));
    } catch {
      throw new ConnectionCut(`the emulator was ${closing.aborted ? "closed" : "reset"}`);
    }
  }

  #note(fired: FiredFault): void {
    this.#firedPathBytes += fired.path.length;
    if (this.#fired.length >= MAX_FIRED || this.#firedPathBytes > MAX_FIRED_PATH_BYTES) {
      this.#fired = this.#fired.slice(Math.ceil(this.#fired.length / 2));
      this.#firedPathBytes = [...this.#fired, fired].reduce((sum, { path }) => sum + path.length, 0);
    }
    this.#fired.push(fired);
  }
}

function isList(rules: FaultRule | readonly FaultRule[]): rules is readonly FaultRule[] {
  return Array.isArray(rules);
}

/** The key is the rule's content: what other rules there are does not change its draws. Only equal ones are told apart. */
function activate(rule: FaultRule, others: readonly ActiveRule[], scope = ""): ActiveRule {
  const text = JSON.stringify(rule, sortedMembers);
  const equal = others.filter(({ key }) => key.startsWith(`${text}\n`)).length;
  return { rule, key: `${text}\n${equal}\n${scope}`, matches: 0, hits: 0 };
}

function sortedMembers(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function summary({ request, operation }: Addressed) {
  const { origin, method, path } = request;
  return { origin, method, path, operation };
}
