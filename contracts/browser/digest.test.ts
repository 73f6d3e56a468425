import { createHash } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CASES, patternOf } from "./cases.ts";
import { chromium } from "./chromium.ts";
import { type PageServer, servePage } from "./page-server.ts";

if (chromium === undefined) console.log("SKIPPED: digests in a browser: no Chromium in /usr/bin; set CHROMIUM to one");

/** What the page that loads the script needs. */
const SCRIPTS = "script-src 'self' 'unsafe-inline'";

const CASE_DIGESTS = CASES.map(({ algorithm, sizeInBytes }) => {
  const hex = createHash(algorithm).update(patternOf(sizeInBytes)).digest("hex");
  return `${sizeInBytes} ${algorithm}:${hex}`;
});

// Some pages forbid WebAssembly by not saying 'wasm-unsafe-eval': there plain JavaScript hashes, and nobody notices.
const PAGES = [
  { which: "any page", outcome: "runs" },
  { which: "a page that forbids eval", contentSecurityPolicy: SCRIPTS, outcome: "CompileError" },
  {
    which: "a page that allows WebAssembly by name",
    contentSecurityPolicy: `${SCRIPTS} 'wasm-unsafe-eval'`,
    outcome: "runs",
  },
];

describe.skipIf(chromium === undefined).each(PAGES)("@acrkit/oci in $which", ({ outcome, contentSecurityPolicy }) => {
  let page: PageServer;
  beforeAll(async () => {
    page = await servePage("digest-page.ts", contentSecurityPolicy === undefined ? {} : { contentSecurityPolicy });
  });
  afterAll(() => page?.close());

  test("the implementation without Node is the one that is served", async () => {
    const module = await fetch(`${page.origin}/@fs${join(import.meta.dirname, "../../packages/oci/src/digest.ts")}`);
    const text = await module.text();
    expect(text).toContain("/sha2/portable.ts");
    expect(text).not.toContain("node.ts");
  });

  test("digests piece by piece are those of Node, and a stream is verified", async () => {
    expect(await page.findings()).toEqual({
      userAgent: expect.stringContaining("Chrome"),
      outcome,
      early: CASE_DIGESTS,
      late: CASE_DIGESTS,
      verified: "100000",
      mismatch: "true",
    });
  });
});
