import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { DockerConfigError } from "../errors.ts";
import type { StoredFile } from "../port.ts";

/** A file of credentials has some KiB; docker's holds other settings as well. */
const MAX_BYTES = 10 * 1024 * 1024;

/**
 * Reads a file of credentials. Links are followed, as docker and podman do; what they lead to has to be a file.
 *
 * @throws {DockerConfigError} it is no file, is too large, is no text, or may not be read
 */
export async function readFile(path: string): Promise<StoredFile | undefined> {
  let file: FileHandle;
  try {
    // Without waiting: opening a pipe would otherwise last until somebody writes to it.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw unreadable(path, code === "EACCES" ? "this user may not read it" : String(code), error);
  }
  try {
    const found = await file.stat();
    if (!found.isFile()) throw unreadable(path, "it is not a file");
    const text = decode(path, await readBounded(path, file, found.size));
    return { text, isExposed: (found.mode & 0o044) !== 0 && process.platform !== "win32" };
  } catch (error) {
    if (error instanceof DockerConfigError) throw error;
    throw unreadable(path, String((error as NodeJS.ErrnoException).code), error);
  } finally {
    await file.close();
  }
}

/** No more than the bound, whatever the file says it has, or becomes while it is read. */
async function readBounded(path: string, file: FileHandle, size: number): Promise<Uint8Array> {
  const tooLarge = () => unreadable(path, `it has more than ${MAX_BYTES / 1024 / 1024} MiB, which no such file has`);
  if (size > MAX_BYTES) throw tooLarge();
  let buffer = Buffer.alloc(size + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.byteLength - length, length);
    length += bytesRead;
    if (bytesRead === 0) return buffer.subarray(0, length);
    if (length > MAX_BYTES) throw tooLarge();
    if (length === buffer.byteLength) buffer = Buffer.concat([buffer, Buffer.alloc(64 * 1024)]);
  }
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new DockerConfigError(
      `the credentials in ${path} cannot be used: it is not UTF-8. Correct it, or log in again.`,
      { code: "DOCKER_CONFIG_INVALID", file: path },
    );
  }
}

function unreadable(path: string, problem: string, cause?: unknown): DockerConfigError {
  return new DockerConfigError(
    `the credentials in ${path} cannot be read: ${problem}. Check what DOCKER_CONFIG, REGISTRY_AUTH_FILE or the option configFile names.`,
    { code: "DOCKER_CONFIG_UNREADABLE", file: path, cause },
  );
}
