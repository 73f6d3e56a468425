import { type FileHandle, open, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { InvalidInputError } from "@acrkit/oci";
import type { FileContent } from "../port.ts";

/** Large enough that system calls do not count, small enough that a hundred transfers fit into memory. */
const READ_BYTES = 512 * 1024;

/** A file up to this size is read by one call, into memory of its own size: for many small files, that is most of the work. */
const WHOLE_BYTES = 1024 * 1024;

/** What changes when a file is written to or replaced, in the order in which `identityOf` gives it. */
interface FileStat {
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
}

export async function openFile(path: string): Promise<FileContent> {
  const found = await stat(path, { bigint: true });
  if (!found.isFile()) throw new InvalidInputError("path", path, "it is not a file");
  const sizeInBytes = Number(found.size);
  const buffers = new ReadBuffers();
  let wasOpened = false;
  return {
    sizeInBytes,
    identity: [resolve(path), ...identityOf(found)],
    open(from) {
      if (sizeInBytes > WHOLE_BYTES) return read(path, from, found, buffers);
      // What is read at once the first time is whatever the file holds by then: there is nothing yet that it must fit to.
      const isFirst = !wasOpened && from === 0;
      wasOpened = true;
      return readWhole(path, from, sizeInBytes, isFirst ? undefined : found);
    },
    release: (piece) => buffers.giveBack(piece),
  };
}

/** As one piece. A file that has grown gives a byte more than it should. */
async function* readWhole(
  path: string,
  from: number,
  sizeInBytes: number,
  found: FileStat | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = Buffer.allocUnsafeSlow(sizeInBytes - from + 1);
  let length = 0;
  const file = await open(path);
  try {
    if (found !== undefined) await assertUnchanged(file, found);
    while (length < sizeInBytes - from || length === 0) {
      const { bytesRead } = await file.read(buffer, length, buffer.byteLength - length, from + length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
  } finally {
    await file.close();
  }
  yield buffer.subarray(0, length);
}

/** As many as may wait to be written; more are left to the garbage collector. */
const MAX_SPARE_BUFFERS = 8;

/** Buffers to read into. Fresh memory costs more than reading a file does: the system clears every page of it first. */
class ReadBuffers {
  readonly #spare: Buffer[] = [];
  /** Those that are out, held weakly: most come back, and those of a request that broke off do not. */
  readonly #lent = new WeakSet<ArrayBufferLike>();

  take(): Buffer {
    const buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES);
    this.#lent.add(buffer.buffer);
    return buffer;
  }

  /** Takes what was handed out here, whole, once. */
  giveBack({ buffer, byteLength }: Uint8Array): void {
    if (byteLength !== READ_BYTES || !this.#lent.delete(buffer) || this.#spare.length >= MAX_SPARE_BUFFERS) return;
    this.#spare.push(Buffer.from(buffer as ArrayBuffer));
  }
}

function identityOf({ ino, size, mtimeNs }: FileStat): string[] {
  return [ino, size, mtimeNs].map(String);
}

/** Reads the file that was found; another under its name, or one that was written to since, is not read on. */
async function* read(
  path: string,
  from: number,
  found: FileStat,
  buffers: ReadBuffers,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await open(path);
  try {
    await assertUnchanged(file, found);
    for (let position = from; ; ) {
      const { bytesRead, buffer } = await file.read(buffers.take(), 0, READ_BYTES, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      yield bytesRead === READ_BYTES ? buffer : buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function assertUnchanged(file: FileHandle, found: FileStat): Promise<void> {
  const now = identityOf(await file.stat({ bigint: true }));
  if (identityOf(found).some((value, index) => value !== now[index])) {
    throw new Error("the file has changed since the upload began");
  }
}
