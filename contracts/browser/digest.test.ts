import { createHash } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CASES, patternOf } from "./cases.ts";
import { chromium } from "./chromium.ts";
import { type PageServer, servePage } from "./page-server.ts";

if (chromium === undefined) console.log("SKIPPED: digests in a browser: no Chromium in /usr/bin; set CHROMIUM to one");

describe.skipIf(chromium === undefined)("@acrkit/oci in a browser", () => {
  let page: PageServer;
  beforeAll(async () => {
    page = await servePage("digest-page.ts");
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
      digests: CASES.map(({ algorithm, sizeInBytes }) => {
        const hex = createHash(algorithm).update(patternOf(sizeInBytes)).digest("hex");
        return `${sizeInBytes} ${algorithm}:${hex}`;
      }),
      verified: "100000",
      mismatch: "true",
    });
  });
});
