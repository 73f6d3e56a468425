import { MAX_HEADER_CHARACTERS } from "../limits.ts";

// RFC 8288, 3: link-param = token BWS [ "=" BWS ( token / quoted-string ) ], so a parameter may stand without a value.
const QUOTED = '"(?:[^"\\\\]|\\\\.)*"';
const PARAMETER = `\\s*;\\s*([\\w*-]+)(?:\\s*=\\s*(${QUOTED}|[^",;\\s]+))?`;
// `<` cannot occur in a target; excluding it keeps the scan linear where a header is nothing but `<`.
const LINK = new RegExp(`<([^<>]*)>((?:${PARAMETER})*)`, "g");

/**
 * The target of the `rel="next"` link of a `Link` header, exactly as it stands there, or undefined.
 *
 * @see RFC 8288, 3; OCI distribution-spec v1.1.1, "Listing Tags"
 * @example
 * ```ts
 * import { parseNextLink } from "@acrkit/oci";
 * const next = parseNextLink('</acr/v1/_catalog?last=alpine&n=1&orderby=>; rel="next"'); // /acr/v1/_catalog?last=alpine…
 * ```
 */
export function parseNextLink(header: string): string | undefined {
  for (const [, target, parameters] of header.slice(0, MAX_HEADER_CHARACTERS).matchAll(LINK)) {
    if (relationsOf(parameters ?? "").includes("next")) return target;
  }
  return undefined;
}

/** "Occurrences after the first MUST be ignored by parsers" (RFC 8288, 3.3). */
function relationsOf(parameters: string): readonly string[] {
  for (const [, name, value = ""] of parameters.matchAll(new RegExp(PARAMETER, "g"))) {
    if (name?.toLowerCase() !== "rel") continue;
    return value.replace(/^"|"$/g, "").toLowerCase().split(/\s+/);
  }
  return [];
}

/**
 * Writes a `Link` header as ACR does: relative, the parameters in alphabetical order, values escaped as in a form.
 *
 * @see `Link` in the recorded answers of the service, e.g. catalog-paged, tags-list-paged
 */
export function formatNextLink(path: string, query: Readonly<Record<string, string>>): string {
  const parameters = new URLSearchParams(query);
  parameters.sort();
  return `<${path}?${parameters}>; rel="next"`;
}
