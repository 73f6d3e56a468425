/**
 * The target of the `rel="next"` link of a `Link` header, exactly as it stands there, or undefined.
 *
 * @see RFC 8288, 3; OCI distribution-spec v1.1.1, "Listing Tags"
 */
export function parseNextLink(header: string): string | undefined {
  for (const [, target, parameters] of header.matchAll(/<([^>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:"[^"]*"|[^",;\s]+))*)/g)) {
    const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^",;\s]+))/i.exec(parameters ?? "");
    const relations = (rel?.[1] ?? rel?.[2] ?? "").toLowerCase().split(/\s+/);
    if (relations.includes("next")) return target;
  }
  return undefined;
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
