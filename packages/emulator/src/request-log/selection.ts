import { AssertionError } from "node:assert";
import type { OperationName } from "@acrkit/oci";
import type { Origin } from "../protocol/message.ts";
import type { RequestLogEntry } from "./entry.ts";
import { summaryOf } from "./line.ts";

/** Which requests are meant: those to which everything given here applies. */
export interface RequestFilter {
  readonly origin?: Origin;
  readonly operation?: OperationName | readonly OperationName[];
  readonly repository?: string;
  readonly method?: string;
  /** The whole path as it was sent, or an expression that is found in it. */
  readonly path?: string | RegExp;
  /** One status or several; 0 is a connection that was cut. */
  readonly status?: number | readonly number[];
}

/** More than anyone reads; the ones nearest to the end count most. */
const MAX_LISTED = 50;

/**
 * Requests to look at, oldest first, and to assert of. What does not hold throws an `AssertionError` (of `node:assert`, which
 * all test frameworks show) that lists what was seen instead, without credentials.
 */
export abstract class RequestSelection {
  abstract get entries(): readonly RequestLogEntry[];
  /** How the selection was made, for messages. */
  protected abstract readonly description: string;

  get count(): number {
    return this.entries.length;
  }

  /** Those of them to which `filter` applies, as of now. */
  of(filter: RequestFilter): RequestSelection {
    return new Selected(
      this.entries.filter((entry) => applies(filter, entry)),
      [...(this.description === "" ? [] : [this.description]), describe(filter)].join(", "),
      this.entries,
    );
  }

  /** Asserts how many there are; without a number, that there are any. */
  expectCount(count?: number): void {
    const isMet = count === undefined ? this.count > 0 : this.count === count;
    if (!isMet) this.#fail(this.expectCount, `expected ${count ?? "some"}, but there were ${this.count}`);
  }

  /** Asserts that there are none. */
  expectNone(): void {
    if (this.count > 0) this.#fail(this.expectNone, `expected none, but there were ${this.count}`);
  }

  /** Asserts that they are these, one for one, in this order, and no others. */
  expectSequence(...filters: readonly RequestFilter[]): void {
    const { entries } = this;
    const differing = filters.findIndex((filter, index) => {
      const entry = entries[index];
      return entry === undefined || !applies(filter, entry);
    });
    const at = differing < 0 && entries.length > filters.length ? filters.length : differing;
    if (at < 0) return;
    const [expected, seen] = [filters[at], entries[at]];
    this.#fail(
      this.expectSequence,
      `number ${at + 1} should be ${expected === undefined ? "none" : describe(expected)}, but is ${
        seen === undefined ? "none" : summaryOf(seen)
      }`,
    );
  }

  /** Asserts that every one of them is of `filter`. */
  expectOnly(filter: RequestFilter): void {
    const other = this.entries.find((entry) => !applies(filter, entry));
    if (other !== undefined)
      this.#fail(this.expectOnly, `expected only ${describe(filter)}, but there was one besides`);
  }

  /** Asserts that none of them carried a credential: no `Authorization`, no cookie. */
  expectNoCredentials(): void {
    const carrying = this.entries.find(({ headers }) => CREDENTIAL_HEADERS.some((name) => headers[name] !== undefined));
    if (carrying !== undefined) {
      this.#fail(this.expectNoCredentials, `expected no credentials, but ${summaryOf(carrying)} carried one`);
    }
  }

  /** What a failing assertion lists: the requests that were chosen from. */
  protected get seen(): readonly RequestLogEntry[] {
    return this.entries;
  }

  // biome-ignore lint/complexity/noBannedTypes: what AssertionError takes
  #fail(assertion: Function, what: string): never {
    const { seen } = this;
    const listed = seen.slice(-MAX_LISTED).map((entry, index) => {
      const mark = this.entries.includes(entry) && seen !== this.entries ? "*" : " ";
      return `${mark} ${seen.length - Math.min(seen.length, MAX_LISTED) + index + 1}. ${summaryOf(entry)}`;
    });
    const subject = this.description === "" ? "requests" : `requests (${this.description})`;
    const list = listed.length === 0 ? "There were no requests at all." : `All requests:\n${listed.join("\n")}`;
    throw new AssertionError({ message: `${subject}: ${what}\n\n${list}`, stackStartFn: assertion });
  }
}

const CREDENTIAL_HEADERS = ["authorization", "proxy-authorization", "cookie"];

class Selected extends RequestSelection {
  readonly entries: readonly RequestLogEntry[];
  protected override readonly description: string;
  readonly #from: readonly RequestLogEntry[];

  constructor(entries: readonly RequestLogEntry[], description: string, from: readonly RequestLogEntry[]) {
    super();
    this.entries = entries;
    this.description = description;
    this.#from = from;
  }

  protected override get seen(): readonly RequestLogEntry[] {
    return this.#from;
  }
}

function applies(filter: RequestFilter, entry: RequestLogEntry): boolean {
  const { origin, operation, repository, method, path, status } = filter;
  return (
    isOneOf(origin, entry.origin) &&
    isOneOf(operation, entry.operation) &&
    isOneOf(repository, entry.repository) &&
    isOneOf(method?.toUpperCase(), entry.method) &&
    isOneOf(status, entry.status) &&
    (path === undefined || (typeof path === "string" ? path === entry.path : entry.path.search(path) >= 0))
  );
}

function isOneOf<T>(wanted: T | readonly T[] | undefined, value: T | undefined): boolean {
  if (wanted === undefined) return true;
  return Array.isArray(wanted) ? wanted.includes(value) : wanted === value;
}

function describe(filter: RequestFilter): string {
  const parts = Object.entries(filter)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(" or ") : String(value)}`);
  return parts.length === 0 ? "any" : parts.join(", ");
}
