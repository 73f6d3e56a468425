import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { DockerConfigError } from "../errors.ts";
import { withFileLock } from "./file-lock.ts";
import { readFile } from "./read-file.ts";

/** Somebody who knows nothing of our lock (docker, podman) cannot be faster again and again. */
const MAX_TRIES = 20;

/** As many as the system follows itself. */
const MAX_LINKS = 40;

/**
 * Replaces a file of credentials by a rename, so that whoever reads it sees the old one or the new one.
 *
 * The writers of this library take turns by a lock beside the file. Docker and podman take no lock: what they have written
 * since the file was read is seen right before the rename, and the change made again, upon theirs.
 *
 * @throws {DockerConfigError}
 */
export async function updateFile(
  path: string,
  change: (text: string | undefined) => string | undefined,
): Promise<void> {
  try {
    const target = await followLinks(path);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await withFileLock(`${target}.acrkit-lock`, async () => {
      await removeLeftParts(target);
      await replace(target, change);
    });
  } catch (error) {
    if (error instanceof DockerConfigError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw notWritten(path, code ?? message, error);
  }
}

async function replace(target: string, change: (text: string | undefined) => string | undefined): Promise<void> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const before = (await readFile(target))?.text;
    const after = change(before);
    if (after === undefined || after === before) return;
    const part = await writePart(target, after);
    try {
      if ((await readFile(target))?.text === before) {
        await rename(part, target);
        await syncFolder(dirname(target));
        return;
      }
    } finally {
      // Gone when it was renamed.
      await rm(part, { force: true });
    }
  }
  throw notWritten(target, "others write to it all the time");
}

function partPrefix(target: string): string {
  return `.${basename(target)}.acrkit-part-`;
}

/** What a process that was killed has left: it holds secrets, which a logout would miss. Whoever has the lock has no rival. */
async function removeLeftParts(target: string): Promise<void> {
  const names = await readdir(dirname(target)).catch(() => []);
  const left = names.filter((name) => name.startsWith(partPrefix(target)));
  await Promise.all(left.map((name) => rm(join(dirname(target), name), { force: true })));
}

/** The new content on the disk, readable by its owner alone, or by fewer. */
async function writePart(target: string, text: string): Promise<string> {
  const part = join(dirname(target), `${partPrefix(target)}${randomBytes(6).toString("hex")}`);
  const found = await stat(target).catch(() => undefined);
  let file: FileHandle | undefined;
  try {
    file = await open(part, "wx", 0o600);
    await file.writeFile(text);
    if (found !== undefined) {
      // `sudo` in a user's home must not take the file away from its user.
      if (process.getuid?.() === 0) await file.chown(found.uid, found.gid);
      await file.chmod(found.mode & 0o600);
    }
    // Without this, a power cut after the rename could leave the name on an empty file.
    await file.sync();
    return part;
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  } finally {
    await file?.close();
  }
}

/** A link stays, and what it leads to is replaced, even where that does not exist yet: people keep such files elsewhere. */
async function followLinks(path: string): Promise<string> {
  let target = resolve(path);
  for (let followed = 0; followed < MAX_LINKS; followed++) {
    const next = await readlink(target).catch(() => undefined);
    if (next === undefined) {
      const folder = await realpath(dirname(target)).catch(() => dirname(target));
      return join(folder, basename(target));
    }
    target = resolve(dirname(target), next);
  }
  throw notWritten(path, "it is a link that leads to itself");
}

/** The rename itself on the disk; not every system can. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

function notWritten(path: string, problem: string, cause?: unknown): DockerConfigError {
  return new DockerConfigError(
    `the credential was not stored in ${path}: ${problem}. Check that this user may write to the folder; the file is as it was.`,
    { code: "DOCKER_CONFIG_NOT_WRITTEN", file: path, cause },
  );
}
