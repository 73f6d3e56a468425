import { createReadStream, fstatSync, read, readSync } from "node:fs";
import { promisify } from "node:util";
import type { BlobContent } from "../store.ts";

/** Read at a time. */
const PART_BYTES = 1024 * 1024;

/** One to read into, the others on their way to the client. */
const BUFFERS = 3;

/** Up to here a file is read at once: that takes microseconds, and to have another thread do it takes longer. */
const SMALL_BYTES = 64 * 1024;

const readAt = promisify(read);

/** The bytes of an open file, or those from `start` up to and including `end`; the file is closed at the end, or by `destroy`. */
export function fileContent(
  fd: number,
  range?: { readonly start: number; readonly end: number } | undefined,
): BlobContent {
  const { start, end } = range ?? { start: 0, end: fstatSync(fd).size - 1 };
  const stream = createReadStream("", { fd, start, ...(end < start ? {} : { end }), highWaterMark: PART_BYTES });
  return Object.assign(stream, {
    async lend(use: (part: Uint8Array) => Promise<void>): Promise<void> {
      try {
        if (end - start < SMALL_BYTES) await use(readSmall(fd, start, end + 1 - start));
        else await lendParts(fd, start, end, use);
      } finally {
        stream.destroy();
      }
    },
  });
}

function readSmall(fd: number, position: number, length: number): Uint8Array {
  const buffer = Buffer.allocUnsafe(length);
  return whole(buffer, readSync(fd, buffer, 0, length, position));
}

/** While parts are being used the next one is read, in turn into the same few buffers. */
async function lendParts(
  fd: number,
  start: number,
  end: number,
  use: (part: Uint8Array) => Promise<void>,
): Promise<void> {
  const lent = Array.from({ length: BUFFERS }, () => ({
    buffer: Buffer.allocUnsafeSlow(PART_BYTES),
    returned: Promise.resolve(),
  }));
  try {
    for (let position = start, turn = 0; position <= end; position += PART_BYTES, turn++) {
      const place = lent[turn % BUFFERS] as (typeof lent)[number];
      await place.returned;
      const part = place.buffer.subarray(0, Math.min(PART_BYTES, end + 1 - position));
      whole(part, (await readAt(fd, part, 0, part.byteLength, position)).bytesRead);
      place.returned = use(part);
      // It is awaited when the buffer is needed again; until then a failure must not count as unhandled.
      place.returned.catch(() => {});
    }
  } finally {
    await Promise.all(lent.map(({ returned }) => returned));
  }
}

/** A blob never becomes shorter while it is there. */
function whole(buffer: Buffer, bytesRead: number): Buffer {
  if (bytesRead !== buffer.byteLength) throw new Error(`only ${bytesRead} of ${buffer.byteLength} bytes could be read`);
  return buffer;
}
