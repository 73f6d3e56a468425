import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** The browser to test with, or undefined where there is none. */
export const chromium = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== undefined && existsSync(path));

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // The document is written out when this much of the page's own time has passed, in which a running script counts as none.
  "--virtual-time-budget=60000",
];

/** Opens a page in a browser with a profile of its own, and returns the document as it is once its scripts have run. */
export async function dumpDom(browser: string, url: string): Promise<string> {
  const profile = await mkdtemp(join(tmpdir(), "acrkit-chromium-"));
  try {
    const { stdout } = await promisify(execFile)(browser, [...FLAGS, `--user-data-dir=${profile}`, "--dump-dom", url], {
      timeout: 50_000,
      killSignal: "SIGKILL",
      maxBuffer: 16 * 1024 * 1024,
    });
    return stdout;
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
