import { createCipheriv, createHash } from "node:crypto";

/** Bytes that look random and are the same for the same seed: a key stream of AES-CTR. Fast enough for gigabytes. */
export function seededBytes(seed: string, length: number): Uint8Array {
  const key = createHash("sha256").update(seed).digest();
  return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** The same as a stream of pieces, for content that no test should hold in memory. */
export async function* seededStream(
  seed: string,
  length: number,
  pieceBytes = 256 * 1024,
): AsyncGenerator<Uint8Array, void, undefined> {
  const key = createHash("sha256").update(seed).digest();
  const cipher = createCipheriv("aes-256-ctr", key, Buffer.alloc(16));
  for (let left = length; left > 0; left -= pieceBytes) yield cipher.update(Buffer.alloc(Math.min(pieceBytes, left)));
}
