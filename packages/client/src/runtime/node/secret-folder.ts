import { chmod, lstat, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SecretFolder } from "../port.ts";
import { isOwn, readPrivateFile, writePrivateFile } from "./private-file.ts";

/** A refresh token has a few KiB. */
const MAX_FILE_BYTES = 64 * 1024;

/** ACR's refresh tokens live for 195 minutes. */
const MAX_AGE_MS = 4 * 60 * 60_000;

/** A folder that grows without end would be another's fault: nobody logs in to so many registries in four hours. */
const MAX_FILES = 256;

const OWN_FILE = /^[0-9a-f]{64}\.token(?:\.turn|\.[0-9a-f]{12}\.part)?$/;

/** An exchange takes a second at most, as a rule; one that is tried again may take longer than anyone should wait. */
const MAX_WAIT_MS = 5_000;
const PAUSE_MS = 25;

/** Whoever has the turn for so long has died. */
const ABANDONED_MS = 10_000;

/** Anyone but the owner may write. */
const OTHERS_WRITE = 0o022;

export async function openSecretFolder(chosen: string | undefined): Promise<SecretFolder> {
  // What is checked now is meant later too, wherever the process works then.
  const folder = resolve(chosen ?? join(cacheFolder(), "acrkit"));
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  // `mode` is cut by the process's mask alone; the folders above belong to whoever may see them.
  if (made !== undefined) await chmod(folder, 0o700);
  await assertPrivate(folder);
  const path = (name: string) => join(folder, `${name}.token`);
  return {
    read: (name) => readPrivateFile(path(name), MAX_FILE_BYTES),
    async write(name, text) {
      await writePrivateFile(path(name), text);
      await prune(folder);
    },
    remove: (name) => rm(path(name), { force: true }),
    async inTurn(name, abortSignal, work) {
      const turn = `${path(name)}.turn`;
      const isOurs = await takeTurn(turn, abortSignal);
      try {
        return await work();
      } finally {
        if (isOurs) await rm(turn, { force: true }).catch(() => {});
      }
    },
  };
}

/** Waits for its turn, and says whether it has got it: without it, work is done twice, which is no more than a waste. */
async function takeTurn(path: string, abortSignal: AbortSignal): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < MAX_WAIT_MS; waitedMs += PAUSE_MS) {
    try {
      await writeFile(path, "", { flag: "wx", mode: 0o600 });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") return false;
    }
    const found = await lstat(path).catch(() => undefined);
    // A clock that was set back since makes its time one to come.
    if (found !== undefined && Math.abs(Date.now() - found.mtimeMs) > ABANDONED_MS)
      await rm(path, { force: true }).catch(() => {});
    else await sleep(PAUSE_MS, undefined, { signal: abortSignal }).catch(() => {});
    if (abortSignal.aborted) return false;
  }
  return false;
}

/** Where programs keep what they can do without: by the XDG base directory specification, and each system's own habit. */
function cacheFolder(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (process.platform === "win32") return LOCALAPPDATA ?? join(homedir(), "AppData", "Local");
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches");
  // "All paths must be absolute. If a relative path is encountered … ignore it."
  return XDG_CACHE_HOME !== undefined && isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(homedir(), ".cache");
}

async function assertPrivate(folder: string): Promise<void> {
  const found = await lstat(folder);
  if (!found.isDirectory()) throw new Error(`${folder} is a link, or no folder`);
  if (!isOwn(found)) throw new Error(`${folder} is another user's`);
  if (process.platform !== "win32" && (found.mode & OTHERS_WRITE) !== 0) {
    throw new Error(`others may write to ${folder}: take that from them (chmod 700)`);
  }
}

/** What has expired, what a process that was killed has left, and the oldest of too many. */
async function prune(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => OWN_FILE.test(name));
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      // Another process may be faster.
      const found = await lstat(path).catch(() => undefined);
      return { path, mtimeMs: found?.mtimeMs ?? Number.POSITIVE_INFINITY };
    }),
  );
  files.sort((a, b) => b.mtimeMs - a.mtimeMs);
  const oldest = Date.now() - MAX_AGE_MS;
  const done = files.filter(({ mtimeMs }, index) => index >= MAX_FILES || mtimeMs < oldest);
  await Promise.all(done.map(({ path }) => rm(path, { force: true })));
}
