import { createHttpHeaders } from "@azure/core-rest-pipeline";
import { expect, test } from "vitest";
import { retryAfterInMs } from "./retry-after.ts";

const NOW = Date.UTC(2026, 0, 1, 12, 0, 0);

test.each([
  [{ "retry-after": "0" }, 0],
  [{ "retry-after": "3" }, 3_000],
  [{ "retry-after": " 3 " }, 3_000],
  [{ "retry-after": "Thu, 01 Jan 2026 12:00:05 GMT" }, 5_000],
  [{ "retry-after": "Thu, 01 Jan 2026 11:59:00 GMT" }, 0],
  [{ "retry-after-ms": "250" }, 250],
  [{ "x-ms-retry-after-ms": "250" }, 250],
  [{ "retry-after-ms": "250", "retry-after": "3" }, 250],
  [{ "retry-after-ms": "soon", "retry-after": "3" }, 3_000],
])("%o asks for %i ms", (headers, expected) => {
  expect(retryAfterInMs(createHttpHeaders(headers as Record<string, string>), NOW)).toBe(expected);
});

// `Date.parse` would read the numbers as years or months of the past, which means "at once".
test.each([
  {},
  { "retry-after": "" },
  { "retry-after": "soon" },
  { "retry-after": "-5" },
  { "retry-after": "1.5" },
  { "retry-after": "5 s" },
])("%o says nothing", (headers) => {
  expect(retryAfterInMs(createHttpHeaders(headers as Record<string, string>), NOW)).toBeUndefined();
});
