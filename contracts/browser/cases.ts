/** What is hashed on both sides; sizes lie around the hashes' blocks of 64 and 128 bytes, and one is several MiB. */
export const CASES = [
  { algorithm: "sha256", sizeInBytes: 0, pieceSize: 1 },
  { algorithm: "sha256", sizeInBytes: 63, pieceSize: 1 },
  { algorithm: "sha256", sizeInBytes: 64, pieceSize: 64 },
  { algorithm: "sha256", sizeInBytes: 1_000, pieceSize: 7 },
  { algorithm: "sha512", sizeInBytes: 0, pieceSize: 1 },
  { algorithm: "sha512", sizeInBytes: 129, pieceSize: 128 },
  { algorithm: "sha256", sizeInBytes: 6 * 1024 * 1024 + 1, pieceSize: 65_521 },
  { algorithm: "sha512", sizeInBytes: 6 * 1024 * 1024 + 1, pieceSize: 65_521 },
] as const;

/** Bytes that repeat only after a prime number of them, so that a misplaced piece changes the digest. */
export function patternOf(sizeInBytes: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: sizeInBytes }, (_, index) => index % 251);
}

export function* cut(bytes: Uint8Array, pieceSize: number): Generator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += pieceSize) yield bytes.subarray(offset, offset + pieceSize);
}
