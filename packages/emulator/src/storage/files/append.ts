import type { FileHandle } from "node:fs/promises";
import type { ByteSource } from "@acrkit/oci";

/** Sockets hand over 64 KiB at a time; fewer, larger writes cost less than one write for each. */
const BATCH_BYTES = 1024 * 1024;

/**
 * Writes a source to a file from `position` on, and shows each piece to `observe` first. One batch is written while the
 * next arrives; at most two are held.
 *
 * When the source, or `observe`, fails, everything that came before is written before the failure is passed on.
 */
export async function appendTo(
  file: FileHandle,
  position: number,
  source: ByteSource,
  observe: (part: Uint8Array) => void,
): Promise<void> {
  let batch: Uint8Array[] = [];
  let batchBytes = 0;
  let writing: Promise<void> = Promise.resolve();

  const flush = async () => {
    await writing;
    if (batchBytes === 0) return;
    const [parts, bytes, at] = [batch, batchBytes, position];
    [batch, batchBytes, position] = [[], 0, position + bytes];
    writing = writeAll(file, parts, bytes, at);
    // It is awaited at the next flush; until then a failure must not count as unhandled.
    writing.catch(() => {});
  };

  try {
    for await (const part of source) {
      observe(part);
      batch.push(part);
      batchBytes += part.byteLength;
      if (batchBytes >= BATCH_BYTES) await flush();
    }
  } finally {
    await flush();
    await writing;
  }
}

async function writeAll(file: FileHandle, parts: Uint8Array[], bytes: number, position: number): Promise<void> {
  let { bytesWritten } = await file.writev(parts, position);
  if (bytesWritten === bytes) return;
  // The disk got full in the middle, most likely: the next write says so, or has room again.
  const rest = Buffer.concat(parts).subarray(bytesWritten);
  for (let at = position + bytesWritten, left = rest; left.byteLength > 0; at += bytesWritten) {
    ({ bytesWritten } = await file.write(left, 0, left.byteLength, at));
    if (bytesWritten === 0) throw new Error(`${left.byteLength} bytes could not be written`);
    left = left.subarray(bytesWritten);
  }
}
