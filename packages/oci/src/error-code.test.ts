import { describe, expect, test } from "vitest";
import { recordedExchanges, recordingsPresent } from "../test/recordings.ts";
import { ERROR_CODES, errorCodeEntry } from "./error-code.ts";

test("every code of OCI distribution-spec v1.1.1, Error Codes (code-1 … code-14)", () => {
  const codes = [
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "DENIED",
    "UNSUPPORTED",
    "TOOMANYREQUESTS",
  ];
  expect(codes.filter((code) => errorCodeEntry(code) === undefined)).toEqual([]);
});

// distribution @0d6b721d, registry/api/errcode/register.go; where ACR words it otherwise, ACR counts (below).
test.each([
  ["UNKNOWN", 500, "unknown error"],
  ["DENIED", 403, "requested access to the resource is denied"],
  ["UNAVAILABLE", 503, "service unavailable"],
  ["TOOMANYREQUESTS", 429, "too many requests"],
  ["SIZE_INVALID", 400, "provided length did not match content length"],
  ["RANGE_INVALID", 416, "invalid content range"],
  ["NAME_INVALID", 400, "invalid repository name"],
  ["TAG_INVALID", 400, "manifest tag did not match URI"],
  ["MANIFEST_BLOB_UNKNOWN", 400, "blob unknown to registry"],
  ["BLOB_UPLOAD_UNKNOWN", 404, "blob upload unknown to registry"],
  ["PAGINATION_NUMBER_INVALID", 400, "invalid number of results requested"],
  // ACR, in logs: Azure/azure-sdk-for-js#25448.
  ["BLOB_UPLOAD_INVALID", 404, "blob upload invalid"],
])("%s comes with %i, %j", (code, status, message) => {
  expect(errorCodeEntry(code)).toMatchObject({ status, message });
});

describe("the table", () => {
  const entries = Object.entries(ERROR_CODES);

  test("is in alphabetical order, so that a code has one place", () => {
    const codes = entries.map(([code]) => code);
    expect(codes).toEqual(codes.toSorted());
  });

  test.each(entries)("%s: an error status, a meaning, and a sentence on what to do", (code, entry) => {
    expect(code).toMatch(/^[A-Z_]+$/);
    expect(entry.status).toBeGreaterThanOrEqual(400);
    expect(entry.status).toBeLessThan(600);
    expect(entry.message).not.toBe("");
    expect(entry.meaning).toMatch(/^[A-Z].*\.$/);
    expect(entry.hint).toMatch(/^[A-Z].*[.)]$/);
  });

  test("knows no members of every object", () => {
    for (const code of ["constructor", "toString", "__proto__", "", "blob_unknown"]) {
      expect(errorCodeEntry(code)).toBeUndefined();
    }
  });
});

describe.skipIf(!recordingsPresent)("recorded errors", () => {
  const errors = recordedExchanges().flatMap(({ name, request, response }) => {
    const body = response.body?.json as { errors?: { code: string; message: string }[] } | undefined;
    return (body?.errors ?? []).map((error) => ({ name, request, status: response.status, ...error }));
  });

  test("come with a code and a status of the table", () => {
    expect(errors.length).toBeGreaterThan(30);
    for (const { name, code, status } of errors) expect(errorCodeEntry(code)?.status, name).toBe(status);
  });

  test("use the table's message, but for these", () => {
    const others = errors.filter(({ code, message }) => errorCodeEntry(code)?.message !== message);
    const worded = new Set(others.map(({ code, message }) => `${code}: ${message.replace(/"[^"]*"|sha256:\w+/, "…")}`));
    expect([...worded].sort()).toEqual([
      "MANIFEST_UNKNOWN: manifest tagged by … is not found",
      "MANIFEST_UNKNOWN: manifest … is not found",
      "NAME_UNKNOWN: repository … is not found",
      "UNAUTHORIZED: retrieving permissions failed",
      "UNSUPPORTED: A manifest can only be deleted by digest.",
    ]);
  });
});
