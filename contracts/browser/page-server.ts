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
  /** Opens the page in the browser, with a query behind its address, and gives what its script has found. */
  findings(query?: string): Promise<unknown>;
  close(): Promise<void>;
}

const FINDINGS_WITHIN_MS = 40_000;

/** Answers a request itself, or says that it is none of its own. */
export type Backend = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface PageOptions {
  /** Asked first. */
  readonly backend?: Backend;
  /** The page's `Content-Security-Policy`; none when left out. */
  readonly contentSecurityPolicy?: string;
}

/** The repository's files, as a bundler for browsers finds them. */
export interface Sources {
  readonly vite: Awaited<ReturnType<typeof createViteServer>>;
  close(): Promise<void>;
}

/** Types are stripped, imports resolved by the packages' own `exports` and `imports` under these conditions. */
export async function openSources(conditions: string[]): Promise<Sources> {
  const cacheDir = await mkdtemp(join(tmpdir(), "acrkit-vite-"));
  const vite = await createViteServer({
    configFile: false,
    root: join(import.meta.dirname, ".."),
    cacheDir,
    appType: "custom",
    logLevel: "error",
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
    resolve: { conditions },
    optimizeDeps: { noDiscovery: true, include: [] },
  });
  return {
    vite,
    async close() {
      await vite.close();
      await rm(cacheDir, { recursive: true, force: true });
    },
  };
}

/**
 * Serves a page whose script is `script`, a file of this folder.
 *
 * The browser gets the sources as they are. Nothing is bundled and nothing is made up for the test.
 */
export async function servePage(script: string, options: PageOptions = {}): Promise<PageServer> {
  const { backend, contentSecurityPolicy } = options;
  const { vite, close } = await openSources(["@acrkit/source", "browser", "module", "import", "default"]);
  // A script that cannot be loaded, or something that it imports, would say nothing at all.
  const load = `import("/browser/${script}").catch(({ message: error }) =>
    fetch("/findings", { method: "POST", body: JSON.stringify({ error }) }));`;
  const html = `<!doctype html><html><body><script type="module">${load}</script></body></html>`;
  let found = Promise.withResolvers<string>();
  const server = createServer((request, response) => {
    if (backend?.(request, response) === true) return;
    if (request.url === "/findings") {
      text(request).then(found.resolve, found.reject);
      return void response.end();
    }
    if (!/^\/(?:\?|$)/.test(request.url ?? "")) return vite.middlewares(request, response);
    if (contentSecurityPolicy !== undefined) response.setHeader("content-security-policy", contentSecurityPolicy);
    response.setHeader("content-type", "text/html; charset=utf-8").end(html);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    findings(query = "") {
      found = Promise.withResolvers();
      return withPage(chromium ?? "", `${origin}/${query}`, async () => {
        const findings = await Promise.race([found.promise, sleep(FINDINGS_WITHIN_MS, undefined, { ref: false })]);
        if (findings === undefined) throw new Error("the page's script did not end");
        return JSON.parse(findings);
      });
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await close();
    },
  };
}
