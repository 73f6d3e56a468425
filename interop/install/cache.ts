import { createHash } from "node:crypto";
import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runSuccessfully } from "../stage/process.ts";
import type { Installer, InstallSite } from "./installer.ts";

/**
 * Where clients are installed; survives from run to run.
 *
 *     <cache>/installed.json   what is there, and why the rest is not
 *     <cache>/<client>/        filled by its installer
 *     <cache>/<client>.log     what the installing printed
 *     <cache>/report.json      Vitest's report of the last run
 */
export const CACHE = process.env.INTEROP_CACHE ?? join(import.meta.dirname, "..", ".cache");

/** A client's place in the cache: usable with its version, or not, with the reason. */
export type Installed = { readonly version: string; readonly key: string } | { readonly problem: string };

/** What the cache needs to know of a client. */
interface Client {
  readonly name: string;
  readonly installer: Installer;
}

/** By client; what has not been tried is not in it. */
export type InstalledClients = Readonly<Record<string, Installed>>;

/** For one client, downloads and compiling included. */
const LIMIT_MS = 5 * 60 * 1000;

/** For all of them: what is not there by then is missing from this run, and gets its chance in the next. */
const TOTAL_LIMIT_MS = 8 * 60 * 1000;

/** Two cores; a third would only wait. */
const AT_ONCE = 2;

export function folderOf(client: string): string {
  return join(CACHE, fileName(client));
}

export async function readInstalled(): Promise<InstalledClients> {
  try {
    return JSON.parse(await readFile(join(CACHE, "installed.json"), "utf8")) as InstalledClients;
  } catch {
    return {};
  }
}

/**
 * Installs what is not in the cache yet, or is there in another version. A client that cannot be installed is noted with
 * the reason, and tried again the next time; the others go on.
 */
export async function installAll(clients: readonly Client[]): Promise<InstalledClients> {
  await mkdir(CACHE, { recursive: true });
  let installed = await readInstalled();
  const endsAt = performance.now() + TOTAL_LIMIT_MS;
  const waiting = [...clients];
  const work = async () => {
    for (let client = waiting.shift(); client !== undefined; client = waiting.shift()) {
      const result = await installOne(client, installed[client.name], endsAt);
      installed = { ...installed, [client.name]: result };
      await writeFile(join(CACHE, "installed.json"), `${JSON.stringify(installed, undefined, 2)}\n`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return installed;
}

async function installOne(
  { name, installer }: Client,
  before: Installed | undefined,
  allEndAt: number,
): Promise<Installed> {
  const key = createHash("sha256")
    .update(JSON.stringify([installer.version, await installer.inputs()]))
    .digest("hex");
  if (before !== undefined && "key" in before && before.key === key) {
    console.log(`${name} ${before.version}: in the cache`);
    return before;
  }
  const folder = folderOf(name);
  const started = performance.now();
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    const version = await installer.install(await siteFor(name, Math.min(started + LIMIT_MS, allEndAt)));
    console.log(`${name} ${version}: installed in ${seconds(started)} s`);
    return { version, key };
  } catch (error) {
    const problem = summaryOf(error);
    console.log(`${name}: could not be installed, after ${seconds(started)} s: ${problem}`);
    console.log(`  see ${folder}.log`);
    return { problem: portable(problem) };
  }
}

async function siteFor(client: string, endsAt: number): Promise<InstallSite> {
  const log = `${folderOf(client)}.log`;
  await writeFile(log, "");
  return {
    folder: folderOf(client),
    async run(command, { folder = folderOf(client), environment = {} } = {}) {
      await appendFile(log, `$ ${command.join(" ")}\n`);
      const printed: string[] = [];
      try {
        const result = await runSuccessfully(command, {
          folder,
          // Installing needs the user's own settings: proxies, certificates, mirrors, build caches.
          environment: { ...(process.env as Record<string, string>), ...environment },
          limitMs: Math.max(0, endsAt - performance.now()),
          log: (text) => printed.push(text),
        });
        return result.stdout;
      } finally {
        await appendFile(log, printed.join(""));
      }
    },
  };
}

/** What was run, and the last thing it said. */
function summaryOf(error: unknown): string {
  const lines = String(error instanceof Error ? error.message : error)
    .split("\n")
    .filter((line) => line.trim() !== "");
  return [lines[0], ...(lines.length > 1 ? lines.slice(-1) : [])].join(": ").slice(0, 300);
}

/** Reasons go into the matrix, which has to be the same on every machine. */
function portable(problem: string): string {
  return problem.replaceAll(CACHE, "<cache>").replace(/(?<=^|[\s"'=:])(?:\/[\w.@-]+){2,}/g, "…");
}

function fileName(client: string): string {
  return client.replaceAll(/[^\w.-]+/g, "-");
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(0);
}
