import type { HttpHeaders } from "@azure/core-rest-pipeline";

/** All three forms of RFC 9110, 5.6.7 begin with the day of the week. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /;

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
  // `Date.parse` alone would take "1.5" for a day in 2001, and the pause for over.
  const date = HTTP_DATE.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowInMs);
}
