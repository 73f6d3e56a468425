/** Parameters of queries that say what is asked for. The others may sign a link or a state: they are not shown. */
const SHOWN_PARAMETERS: ReadonlySet<string> = new Set([
  "n",
  "last",
  "orderby",
  "digest",
  "mount",
  "from",
  "tag",
  "artifactType",
  "api-version",
  "service",
  "scope",
  "account",
  "client_id",
  "offline_token",
  "ns",
  "_nouploadcache",
  "se",
  "sp",
  "sr",
  "sv",
]);

const SECRET_HEADERS: ReadonlySet<string> = new Set(["authorization", "proxy-authorization", "cookie"]);

const REDACTED = "REDACTED";

/** The query as text with its `?`, or empty. */
export function redactedQuery(query: URLSearchParams): string {
  const shown = [...query].map(([name, value]) => {
    const text = SHOWN_PARAMETERS.has(name) ? encodeURIComponent(value).replace(/%(?:2F|3A|2C)/g, unescaped) : REDACTED;
    return `${encodeURIComponent(name)}=${text}`;
  });
  return shown.length === 0 ? "" : `?${shown.join("&")}`;
}

/** Slashes, colons and commas are as good in a query, and easier to read in names and digests. */
const unescaped = (escaped: string) => decodeURIComponent(escaped);

/** The headers, with only the scheme left of what proves who is asking. */
export function redactedHeaders(
  headers: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, SECRET_HEADERS.has(name) ? withoutSecret(value) : value]),
  );
}

function withoutSecret(value = ""): string {
  const scheme = /^(?:Basic|Bearer)(?= )/i.exec(value)?.[0];
  return scheme === undefined ? REDACTED : `${scheme} ${REDACTED}`;
}
