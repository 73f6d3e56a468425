import { styleText } from "node:util";
import type { RequestLogEntry } from "../request-log/entry.ts";
import { printable } from "../request-log/line.ts";
import { redactedQuery } from "../request-log/redact.ts";
import type { LogFormat } from "./settings.ts";

/** The line for a request, or undefined for none. Credentials and signatures are left out. */
export function requestLine(entry: RequestLogEntry, format: LogFormat, isColored: boolean): string | undefined {
  if (format === "none") return undefined;
  if (format === "json") return JSON.stringify({ event: "request", ...(JSON.parse(JSON.stringify(entry)) as object) });
  const { method, path, query, status, origin, operation, bytesIn, bytesOut, durationMs, answeredAt } = entry;
  const time = new Date(answeredAt).toTimeString().slice(0, 8);
  const outcome = status === 0 ? "cut" : String(status);
  const carried = [bytesIn > 0 ? `${bytes(bytesIn)} in` : "", bytesOut > 0 ? `${bytes(bytesOut)} out` : ""];
  // What signs a download link is long and says nothing.
  const address = printable(path) + (origin === "registry" ? redactedQuery(query) : "");
  return [
    time,
    isColored ? styleText(colorOf(status), outcome, { validateStream: false }) : outcome,
    method.padEnd(6),
    origin === "registry" ? address : `${origin}:${address}`,
    [...carried, `${durationMs < 10 ? durationMs.toFixed(1) : Math.round(durationMs)} ms`, operation ?? ""]
      .filter((part) => part !== "")
      .join(", "),
  ].join("  ");
}

function colorOf(status: number): "red" | "yellow" | "cyan" | "green" {
  if (status === 0 || status >= 500) return "red";
  if (status >= 400) return "yellow";
  return status >= 300 ? "cyan" : "green";
}

function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = count / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}
