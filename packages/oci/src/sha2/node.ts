import { createHash } from "node:crypto";
import type { Sha2, Sha2Algorithm } from "./port.ts";

/** OpenSSL through Node, several times faster than JavaScript; also what Bun and Deno offer. */
export function createSha2(algorithm: Sha2Algorithm): Sha2 {
  const hash = createHash(algorithm);
  return {
    update: (bytes) => void hash.update(bytes),
    hex: () => hash.digest("hex"),
  };
}
