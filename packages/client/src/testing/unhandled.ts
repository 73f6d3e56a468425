import { afterAll, afterEach, beforeAll, expect } from "vitest";

/** Fails the tests of a file after which a promise was rejected, or an error thrown, with nobody listening. */
export function failOnUnhandled(): void {
  let failures: unknown[] = [];
  const note = (failure: unknown) => void failures.push(failure);
  beforeAll(() => {
    process.on("unhandledRejection", note);
    process.on("uncaughtException", note);
  });
  afterEach(async () => {
    // Rejections are reported once the microtasks have run.
    await new Promise(setImmediate);
    const found = failures;
    failures = [];
    expect(found).toEqual([]);
  });
  afterAll(() => {
    process.off("unhandledRejection", note);
    process.off("uncaughtException", note);
  });
}
