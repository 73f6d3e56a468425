import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { createViteServer } from "vitest/node";
import { chromium, withPage } from "./chromium.ts";

/** A server of one page and the sources behind it. */
export interface PageServer {
  readonly origin: string;
  /** Opens the page in the browser, and gives what its script has found. */
  findings(): Promise<unknown>;
  close(): Promise<void>;
}

const FINDINGS_WITHIN_MS = 40_000;

/** Answers a request itself, or says that it is none of its own. */
export type Backend = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * Serves a page whose script is `script`, a file of this folder.
 *
 * The browser gets the sources as they are: types stripped, imports resolved by the packages' own `exports` and `imports`
 * under the conditions of a bundler for browsers. Nothing is bundled and nothing is made up for the test.
 */
export async function servePage(script: string, backend: Backend = () => false): Promise<PageServer> {
  const cacheDir = await mkdtemp(join(tmpdir(), "acrkit-vite-"));
  const vite = await createViteServer({
    configFile: false,
    root: join(import.meta.dirname, ".."),
    cacheDir,
    appType: "custom",
    logLevel: "error",
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
    resolve: { conditions: ["@acrkit/source", "browser", "module", "import", "default"] },
    optimizeDeps: { noDiscovery: true, include: [] },
  });
  const html = `<!doctype html><html><body><script type="module" src="/browser/${script}"></script></body></html>`;
  const found = Promise.withResolvers<string>();
  const server = createServer((request, response) => {
    if (backend(request, response)) return;
    if (request.url === "/findings") {
      text(request).then(found.resolve, found.reject);
      return void response.end();
    }
    if (request.url !== "/") return vite.middlewares(request, response);
    response.setHeader("content-type", "text/html; charset=utf-8").end(html);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    findings: () =>
      withPage(chromium ?? "", `${origin}/`, async () => {
        const findings = await Promise.race([found.promise, sleep(FINDINGS_WITHIN_MS, undefined, { ref: false })]);
        if (findings === undefined) throw new Error("the page's script did not end");
        return JSON.parse(findings);
      }),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await vite.close();
      await rm(cacheDir, { recursive: true, force: true });
    },
  };
}
