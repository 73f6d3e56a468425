import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { type ByteSource, InvalidInputError } from "@acrkit/oci";
import type { FileContent, Runtime, StreamingBody } from "./port.ts";

/** Large enough that system calls do not count, small enough that a hundred transfers fit into memory. */
const READ_BYTES = 512 * 1024;
const WRITE_BYTES = 1024 * 1024;

/** Node, Bun and Deno. */
export const runtime: Runtime = { streamBody, openFile, writeFile };

function streamBody(source: ByteSource): StreamingBody {
  const body = Readable.from(source, { objectMode: false, highWaterMark: READ_BYTES });
  // The transport pipes the body and does not listen: the source's own failure is reported by whoever made it.
  body.on("error", () => {});
  return { body, close: () => void body.destroy() };
}

async function openFile(path: string): Promise<FileContent> {
  const found = await stat(path);
  if (!found.isFile()) throw new InvalidInputError("path", path, "it is not a file");
  return {
    sizeInBytes: found.size,
    open: () => createReadStream(path, { highWaterMark: READ_BYTES }),
  };
}

async function writeFile(path: string, source: ByteSource): Promise<void> {
  // Beside the target, so that the rename stays on one file system and is atomic.
  const part = `${path}.${randomBytes(6).toString("hex")}.part`;
  const file = await open(part, "wx");
  try {
    try {
      await writeAll(file, source);
      // Without this, a power cut after the rename could leave the final name on an empty file.
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** Gathers small pieces: a TLS connection yields 16 KiB at a time, and each write is a round trip to a thread. */
async function writeAll(file: FileHandle, source: ByteSource): Promise<void> {
  let parts: Uint8Array[] = [];
  let held = 0;
  for await (const part of source) {
    parts.push(part);
    held += part.byteLength;
    if (held < WRITE_BYTES) continue;
    await writeParts(file, parts, held);
    parts = [];
    held = 0;
  }
  if (held > 0) await writeParts(file, parts, held);
}

async function writeParts(file: FileHandle, parts: Uint8Array[], total: number): Promise<void> {
  const { bytesWritten } = await file.writev(parts);
  if (bytesWritten === total) return;
  // A short write is rare (a full disk fails instead); what is left goes on its own.
  let skip = bytesWritten;
  for (const part of parts) {
    if (skip >= part.byteLength) {
      skip -= part.byteLength;
      continue;
    }
    for (let offset = skip; offset < part.byteLength; ) offset += (await file.write(part, offset)).bytesWritten;
    skip = 0;
  }
}
