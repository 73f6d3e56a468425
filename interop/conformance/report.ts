/** The parts of the distribution-spec in which conformance is claimed. */
export const WORKFLOWS = ["pull", "push", "content discovery", "content management"] as const;

export type Workflow = (typeof WORKFLOWS)[number];

/** One spec of the suite. */
export interface SpecResult {
  /** `image/push/manifest-by-tag`; further ones of the same name have a number: `image/push/blob-post-put (2)`. */
  readonly name: string;
  readonly status: "passed" | "skipped" | "failed";
  /** Why it failed or was skipped, as the suite says. */
  readonly message: string;
  /** The requests and answers; the suite has masked tokens and passwords. */
  readonly traffic: string;
}

/** Reads the suite's JUnit report. */
export function parseReport(xml: string): readonly SpecResult[] {
  const seen = new Map<string, number>();
  const results = [...xml.matchAll(/<testcase ([^>]*)>(.*?)<\/testcase>/gs)].map(([, head = "", body = ""]) => {
    const name = attribute(head, "name").replace(/^OCI Conformance Test\//, "");
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return {
      name: count === 1 ? name : `${name} (${count})`,
      status: statusOf(attribute(head, "status")),
      message: element(body, "system-out"),
      traffic: element(body, "system-err"),
    };
  });
  if (results.length === 0) throw new Error("the suite's report has no results in it");
  return results;
}

/** Which workflow a spec belongs to. @see OCI distribution-spec v1.1.1, "Workflow Categories" */
export function workflowOf(name: string): Workflow {
  const path = name.replace(/ \(\d+\)$/, "");
  if (/(?:^|\/)(?:blob|manifest|tag)-delete$/.test(path)) return "content management";
  if (/(?:^|\/)(?:tag[ -]list|referrers)$/.test(path)) return "content discovery";
  if (/\/push\/|(?:^|\/)(?:blob-(?:post|patch|mount)[\w-]*|manifest-put)$/.test(path)) return "push";
  return "pull";
}

function statusOf(status: string): SpecResult["status"] {
  if (status === "passed" || status === "skipped") return status;
  return "failed";
}

function attribute(head: string, name: string): string {
  return unescapeXml(new RegExp(`(?:^| )${name}="([^"]*)"`).exec(head)?.[1] ?? "");
}

function element(body: string, name: string): string {
  return unescapeXml(new RegExp(`<${name}>(.*?)</${name}>`, "s").exec(body)?.[1] ?? "");
}

/** The escapes that Go's encoder writes. */
function unescapeXml(text: string): string {
  const named: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };
  return text.replaceAll(/&(?:#x([0-9A-Fa-f]+)|#(\d+)|(\w+));/g, (whole, hex, decimal, name) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return named[name] ?? whole;
  });
}
