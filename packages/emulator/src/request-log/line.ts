import type { RequestLogEntry } from "./entry.ts";
import { redactedQuery } from "./redact.ts";

/** Method, address, status and operation in one line, without secrets: `GET /v2/app/manifests/v1 200 getManifest`. */
export function summaryOf(entry: RequestLogEntry): string {
  const { origin, method, path, query, status, operation } = entry;
  const place = origin === "registry" ? operation : origin;
  const outcome = status === 0 ? "cut" : String(status);
  return [method, printable(path) + redactedQuery(query), outcome, place]
    .filter((part) => part !== undefined)
    .join(" ");
}

/** The address as it came, but nothing in it that would move a terminal's cursor. */
export function printable(path: string): string {
  return path.replace(/[^\x21-\x7e]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
