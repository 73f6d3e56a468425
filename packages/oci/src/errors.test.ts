import { describe, expect, test } from "vitest";
import {
  DigestMismatchError,
  InvalidInputError,
  InvalidManifestError,
  isDigestMismatchError,
  isInvalidInputError,
  isInvalidManifestError,
  isLimitError,
  LimitError,
} from "./errors.ts";

const CASES = [
  { guard: isInvalidInputError, error: new InvalidInputError("tag", "a b", "no spaces"), code: "INVALID_INPUT" },
  {
    guard: isDigestMismatchError,
    error: new DigestMismatchError("differs", { expected: "sha256:a", bytesRead: 1 }),
    code: "DIGEST_MISMATCH",
  },
  { guard: isLimitError, error: new LimitError("too large", { limit: 1, seen: 2 }), code: "LIMIT_EXCEEDED" },
  { guard: isInvalidManifestError, error: new InvalidManifestError("no layers"), code: "INVALID_MANIFEST" },
];

describe.each(CASES)("$code", ({ guard, error, code }) => {
  test("is an Error with its own name and a stable code", () => {
    expect(error).toBeInstanceOf(Error);
    expect(error.code).toBe(code);
    expect(error.name).toBe(error.constructor.name);
    expect(String(error)).toBe(`${error.name}: ${error.message}`);
  });

  test("its guard knows it, also one of another copy of this package, and no other", () => {
    expect(guard(error)).toBe(true);
    expect(guard(Object.assign(new Error("from another copy"), { code }))).toBe(true);
    for (const other of CASES) expect(guard(other.error)).toBe(other.code === code);
    for (const stranger of [undefined, null, code, { code }, new Error(code)]) expect(guard(stranger)).toBe(false);
  });
});

describe("what the messages show", () => {
  test("the value in quotes, so that spaces and line ends are seen", () => {
    const error = new InvalidInputError("tag", "a b\n", "no spaces");
    expect(error.message).toBe('tag "a b\\n" is not valid: no spaces');
    expect(error).toMatchObject({ what: "tag", input: '"a b\\n"' });
  });

  test("a huge value is cut", () => {
    expect(new InvalidInputError("tag", "x".repeat(10_000_000), "too long").message.length).toBeLessThan(200);
    expect(new InvalidManifestError("bad", "x".repeat(10_000)).message.length).toBeLessThan(250);
    expect(new InvalidInputError("tag", '"'.repeat(1000), "too long").input.length).toBeLessThanOrEqual(121);
  });

  test.each([
    [undefined, "undefined"],
    [null, "null"],
    [12, "12"],
    [{ secret: "s" }, "[object Object]"],
    [["a"], "[object Array]"],
    [Object.create(null), "[object Object]"],
    [Symbol("s"), "Symbol(s)"],
  ])("anything at all can be named: %#", (input, shown) => {
    expect(new InvalidInputError("tag", input, "not text").input).toBe(shown);
  });

  test("a manifest's media type is named when it is known", () => {
    expect(new InvalidManifestError("no layers").message).toBe("manifest is not valid: no layers");
    expect(new InvalidManifestError("no layers", "a/b")).toMatchObject({
      message: "manifest of type a/b is not valid: no layers",
      reason: "no layers",
      mediaType: "a/b",
    });
  });
});
