import { createReadStream, fstatSync, readSync } from "node:fs";
import type { BlobContent } from "../store.ts";

/**
 * Lent at a time. It stays in the processor's cache between being read and being sent; with a MiB downloads were a sixth
 * slower.
 */
const PART_BYTES = 256 * 1024;

/** One to read into while the other is on its way to the client; more made no difference. */
const BUFFERS = 2;

/** What a stream reads at a time, each into memory of its own. */
const STREAM_BYTES = 1024 * 1024;

/** The bytes of an open file, or those from `start` up to and including `end`; the file is closed at the end, or by `destroy`. */
export function fileContent(
  fd: number,
  range?: { readonly start: number; readonly end: number } | undefined,
): BlobContent {
  const { start, end } = range ?? { start: 0, end: fstatSync(fd).size - 1 };
  const stream = createReadStream("", { fd, start, ...(end < start ? {} : { end }), highWaterMark: STREAM_BYTES });
  return Object.assign(stream, {
    async lend(use: (part: Uint8Array) => Promise<void>): Promise<void> {
      try {
        await lendParts(fd, start, end + 1, use);
      } finally {
        stream.destroy();
      }
    },
  });
}

/**
 * Reads at once rather than by another thread: what is in the system's cache, as what has just been pushed is, takes
 * microseconds, and handing it from core to core takes longer. What has to come from a disk holds others up for so long.
 */
async function lendParts(
  fd: number,
  start: number,
  end: number,
  use: (part: Uint8Array) => Promise<void>,
): Promise<void> {
  const lent = Array.from({ length: Math.min(BUFFERS, Math.ceil((end - start) / PART_BYTES)) }, () => ({
    buffer: Buffer.allocUnsafe(Math.min(PART_BYTES, end - start)),
    returned: Promise.resolve(),
  }));
  try {
    for (let position = start, turn = 0; position < end; position += PART_BYTES, turn++) {
      const place = lent[turn % BUFFERS] as (typeof lent)[number];
      await place.returned;
      const part = place.buffer.subarray(0, Math.min(PART_BYTES, end - position));
      readWhole(fd, part, position);
      place.returned = use(part);
      // It is awaited when the buffer is needed again; until then a failure must not count as unhandled.
      place.returned.catch(() => {});
    }
  } finally {
    await Promise.all(lent.map(({ returned }) => returned));
  }
}

function readWhole(fd: number, part: Buffer, position: number): void {
  const bytesRead = readSync(fd, part, 0, part.byteLength, position);
  // A blob never becomes shorter while it is there.
  if (bytesRead !== part.byteLength) throw new Error(`only ${bytesRead} of ${part.byteLength} bytes could be read`);
}
