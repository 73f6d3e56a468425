import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

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
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Keeps the browser open until it is killed.
  "--remote-debugging-port=0",
];

/** Keeps a page open in a browser with a profile of its own for as long as `work` takes. */
export async function withPage<T>(browser: string, url: string, work: () => Promise<T>): Promise<T> {
  const profile = await mkdtemp(join(tmpdir(), "acrkit-chromium-"));
  const child = spawn(browser, [...FLAGS, `--user-data-dir=${profile}`, url], { stdio: "ignore" });
  const ended = once(child, "exit");
  try {
    return await Promise.race([
      work(),
      ended.then(([code]) => Promise.reject(new Error(`the browser ended with ${code} before the page was done`))),
    ]);
  } finally {
    child.kill("SIGKILL");
    await ended;
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
