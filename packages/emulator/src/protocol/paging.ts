import { formatNextLink } from "@acrkit/oci";
import type { ListQuery, Order } from "../storage/records.ts";
import type { HeaderLine } from "./message.ts";
import { badPageSize, DEFAULT_PAGE, MAX_PAGE } from "./unseen.ts";

/** What the query of a list asks for (3.11). */
export interface PageQuery {
  readonly limit: number;
  readonly after: string | undefined;
  readonly order: Order;
  /** As it was sent; the Link repeats it, empty when it was not sent. */
  readonly orderby: string;
}

export function readPageQuery(query: URLSearchParams): PageQuery {
  const orderby = query.get("orderby") ?? "";
  return {
    limit: pageSize(query.get("n")),
    after: query.get("last") || undefined,
    order: orderby === "timeasc" || orderby === "timedesc" ? orderby : "name",
    orderby,
  };
}

function pageSize(n: string | null): number {
  if (n === null || n === "") return DEFAULT_PAGE;
  if (!/^\d{1,9}$/.test(n) || Number(n) < 1) throw badPageSize(n);
  return Math.min(Number(n), MAX_PAGE);
}

/**
 * One page and the headers that go with it: a Link on every page but the last (3.11).
 *
 * `fetch` is asked for one entry more than the page holds, so a last page that is exactly full has no Link.
 */
export function takePage<T>(
  page: PageQuery,
  path: string,
  fetch: (query: ListQuery) => readonly T[],
  nameOf: (entry: T) => string,
  parameters: Readonly<Record<string, string>> = {},
): { readonly entries: readonly T[]; readonly headers: readonly HeaderLine[] } {
  const found = fetch({ order: page.order, after: page.after, limit: page.limit + 1, listedOnly: true });
  const entries = found.slice(0, page.limit);
  const last = entries.at(-1);
  if (found.length <= page.limit || last === undefined) return { entries, headers: [] };
  const query = { last: nameOf(last), n: String(page.limit), orderby: page.orderby, ...parameters };
  return { entries, headers: [["Link", formatNextLink(path, query)]] };
}
