import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Sha2, Sha2Algorithm } from "./port.ts";

/** Plain JavaScript: slow, and there from the first byte wherever JavaScript runs. */
export function createSha2(algorithm: Sha2Algorithm): Sha2 {
  const hash = (algorithm === "sha256" ? sha256 : sha512).create();
  return {
    update: (bytes) => void hash.update(bytes),
    hex: () => bytesToHex(hash.digest()),
  };
}
