import { LimitError } from "./errors.ts";

/** Anything that yields bytes piece by piece: a Node stream, a web stream, a generator. */
export type ByteSource = AsyncIterable<Uint8Array>;

/** Joins pieces into one array; a single piece is returned as it is. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1 && parts[0] !== undefined) return parts[0];
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}

/**
 * Reads a source to its end into memory, and stops reading as soon as more than `maxBytes` have come.
 *
 * @throws {LimitError} the source holds more than `maxBytes`; it is closed
 */
export async function collectBytes(source: ByteSource, maxBytes: number, what: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let seen = 0;
  for await (const part of source) {
    seen += part.byteLength;
    if (seen > maxBytes) {
      throw new LimitError(`${what} is larger than the ${maxBytes} bytes allowed; reading stopped`, {
        limit: maxBytes,
        seen,
      });
    }
    parts.push(part);
  }
  return concatBytes(parts);
}
