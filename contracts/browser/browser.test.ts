import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createViteServer } from "vitest/node";
import { CASES, patternOf } from "./cases.ts";
import { chromium, dumpDom } from "./chromium.ts";
import type { Findings } from "./page.ts";

if (chromium === undefined) console.log("skipped: no Chromium in /usr/bin; set CHROMIUM to one");

const HTML = '<!doctype html><html><body><script type="module" src="/browser/page.ts"></script></body></html>';

/**
 * The sources as a browser gets them: types stripped, imports resolved by the packages' own `exports` and `imports` under the
 * conditions of a bundler for browsers. Nothing is bundled and nothing is made up for the test.
 */
describe.skipIf(chromium === undefined)("@acrkit/oci in a browser", () => {
  let vite: Awaited<ReturnType<typeof createViteServer>>;
  let server: Server;
  let cacheDir: string;
  let origin: string;

  beforeAll(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), "acrkit-vite-"));
    vite = await createViteServer({
      configFile: false,
      root: join(import.meta.dirname, ".."),
      cacheDir,
      appType: "custom",
      logLevel: "error",
      server: { middlewareMode: true, hmr: false, ws: false, watch: null },
      resolve: { conditions: ["@acrkit/source", "browser", "module", "import", "default"] },
      optimizeDeps: { noDiscovery: true, include: [] },
    });
    server = createServer((request, response) => {
      if (request.url !== "/") return vite.middlewares(request, response);
      response.setHeader("content-type", "text/html; charset=utf-8").end(HTML);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
    await vite?.close();
    await rm(cacheDir, { recursive: true, force: true });
  });

  test("the implementation without Node is the one that is served", async () => {
    const module = await fetch(`${origin}/@fs${join(import.meta.dirname, "../../packages/oci/src/digest.ts")}`);
    const text = await module.text();
    expect(text).toContain("/sha2/portable.ts");
    expect(text).not.toContain("node.ts");
  });

  test("digests piece by piece are those of Node, and a stream is verified", async () => {
    const document = await dumpDom(chromium ?? "", `${origin}/`);
    const [, json] = /<pre id="findings">([^<]*)<\/pre>/.exec(document) ?? [];
    if (json === undefined) throw new Error(`the page's script did not end; the document is\n${document}`);
    const findings: Findings = JSON.parse(json);
    expect(findings).toEqual({
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
