import type { HttpHeaders } from "@azure/core-rest-pipeline";

/**
 * How long an answer asks to be left alone, in milliseconds, or undefined when it does not say.
 *
 * Reads `retry-after-ms` and `x-ms-retry-after-ms` (Azure's own, milliseconds), then `Retry-After` in both forms of
 * RFC 9110, 10.2.3: seconds, or a date.
 */
export function retryAfterInMs(headers: HttpHeaders, nowInMs: number): number | undefined {
  for (const name of ["retry-after-ms", "x-ms-retry-after-ms"]) {
    const value = headers.get(name);
    if (value !== undefined && /^\d+$/.test(value)) return Number(value);
  }
  const value = headers.get("retry-after")?.trim();
  if (value === undefined || value === "") return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowInMs);
}
