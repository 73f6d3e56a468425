import {
  InvalidInputError,
  matchOperation,
  type OperationName,
  type OperationParameters,
  parseNextLink,
} from "@acrkit/oci";
import type { OperationOptions } from "@azure/core-client";
import type { PagedAsyncIterableIterator, PageSettings } from "@azure/core-paging";
import { tracingClient } from "../tracing.ts";
import type { RegistryConnection } from "./connection.ts";
import type { RegistryResponse } from "./response.ts";

/** The elements of a page, with what `byPage({ continuationToken })` needs to go on behind it; the last page has none. */
export type Page<T> = T[] & { continuationToken?: string };

/** A list operation: how its first page is asked for, and what its pages hold. */
export interface ListCall<T> {
  readonly method: string;
  readonly operation: OperationName;
  readonly parameters?: OperationParameters;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly options: OperationOptions;
  /** Reads a page's elements out of its JSON; throws what `fail` makes of it. */
  readonly parse: (json: unknown, fail: (problem: string) => Error) => T[];
}

/** A registry that sends page after page without an entry will not come to an end. */
const MAX_EMPTY_PAGES = 100;

/**
 * The elements of a list, fetched page by page as they are asked for; `byPage` gives the pages themselves.
 *
 * `Link` is followed exactly as the registry sends it, as long as it stays with this registry and this list.
 */
export function listPages<T>(
  connection: RegistryConnection,
  call: ListCall<T>,
): PagedAsyncIterableIterator<T, Page<T>, PageSettings> {
  const elements = (async function* () {
    for await (const page of pagesOf(connection, call, {})) yield* page;
  })();
  const list: PagedAsyncIterableIterator<T, Page<T>, PageSettings> = {
    next: () => elements.next(),
    [Symbol.asyncIterator]() {
      return this;
    },
    byPage: (settings = {}) => pagesOf(connection, call, settings),
  };
  // `return` closes the generator when a loop is left early; it is not in the interface, but the language calls it.
  return Object.assign(list, { return: () => elements.return(undefined) });
}

async function* pagesOf<T>(
  connection: RegistryConnection,
  call: ListCall<T>,
  settings: PageSettings,
): AsyncGenerator<Page<T>, void, undefined> {
  const seen = new Set<string>();
  let emptyPages = 0;
  let url = firstUrl(connection, call, settings);
  for (;;) {
    const { page, response } = await fetchPage(connection, call, settings, url);
    const link = nextLink(response);
    if (link !== undefined) {
      url = followable(connection, call, link) ?? fail(response, `its link to the next page, ${link}, leads elsewhere`);
      if (seen.has(url.href)) fail(response, `its link to the next page, ${link}, repeats`);
      seen.add(url.href);
      emptyPages = page.length === 0 ? emptyPages + 1 : 0;
      if (emptyPages > MAX_EMPTY_PAGES) fail(response, `${MAX_EMPTY_PAGES} pages in a row were empty`);
      page.continuationToken = link;
    }
    yield page;
    if (link === undefined) return;
  }
}

function fetchPage<T>(
  connection: RegistryConnection,
  call: ListCall<T>,
  settings: PageSettings,
  url: URL | undefined,
): Promise<{ page: Page<T>; response: RegistryResponse }> {
  return tracingClient.withSpan(`ContainerRegistryClient.${call.method}`, call.options, async (options) => {
    const response = await connection.send({
      method: call.method,
      operation: call.operation,
      ...(call.parameters === undefined ? {} : { parameters: call.parameters }),
      ...(url === undefined ? { query: { ...call.query, n: settings.maxPageSize?.toString() } } : { url }),
      headers: { accept: "application/json" },
      expected: [200],
      options,
    });
    const page: Page<T> = call.parse(await response.json(), (problem) => response.unexpected(problem));
    return { page, response };
  });
}

function firstUrl<T>(connection: RegistryConnection, call: ListCall<T>, settings: PageSettings): URL | undefined {
  const { maxPageSize, continuationToken } = settings;
  if (maxPageSize !== undefined && !(Number.isSafeInteger(maxPageSize) && maxPageSize > 0)) {
    throw new InvalidInputError("maxPageSize", maxPageSize, "expected a whole number of 1 or more");
  }
  if (continuationToken === undefined) return undefined;
  const url = followable(connection, call, continuationToken);
  if (url === undefined) {
    throw new InvalidInputError(
      "continuationToken",
      continuationToken,
      "it does not belong to this list of this registry",
    );
  }
  return url;
}

function nextLink(response: RegistryResponse): string | undefined {
  const header = response.headers.get("link");
  return header === undefined ? undefined : parseNextLink(header);
}

/** The link as a URL, if it leads to the same list of the same registry: a token goes along with the request. */
function followable<T>(connection: RegistryConnection, call: ListCall<T>, link: string): URL | undefined {
  let url: URL;
  try {
    url = new URL(link, connection.endpoint);
  } catch {
    return undefined;
  }
  if (url.origin !== connection.endpoint.origin || url.username !== "") return undefined;
  const match = matchOperation("GET", url.pathname);
  if (match === undefined || !("operation" in match)) return undefined;
  const same = match.operation.name === call.operation && match.parameters.name === call.parameters?.name;
  return same ? url : undefined;
}

function fail(response: RegistryResponse, problem: string): never {
  throw response.unexpected(problem);
}
