import { createSha2 as createPlainSha2 } from "./javascript.ts";
import type { Sha2, Sha2Algorithm } from "./port.ts";
import { loadSha256 } from "./webassembly.ts";

/** What a hash keeps of its bytes at most while WebAssembly is being compiled: two chunks of an upload. */
export const MAX_HELD_BYTES = 8 * 1024 * 1024;

const createSha256 = preferring(loadSha256, () => createPlainSha2("sha256"));

/**
 * For browsers, whose WebCrypto wants all bytes at once: WebAssembly where it may run, else plain JavaScript.
 *
 * sha512 is left to JavaScript: registries address content by sha256, and a second WebAssembly would be paid by every page.
 */
export function createSha2(algorithm: Sha2Algorithm): Sha2 {
  return algorithm === "sha256" ? createSha256() : createPlainSha2(algorithm);
}

/**
 * Starts hashes on what `load` gives. It is loaded once, when the first hash starts, and for good on `fallback` where that
 * fails. A hash cannot wait, since it is asked without `await`, nor change over later: until it is known which it will be,
 * it holds its bytes.
 */
export function preferring(load: () => Promise<() => Sha2>, fallback: () => Sha2): () => Sha2 {
  let asked = false;
  let chosen: (() => Sha2) | undefined;
  const choose = (start: () => Sha2) => {
    chosen = start;
  };
  return () => {
    if (!asked) load().then(choose, () => choose(fallback));
    asked = true;
    return chosen?.() ?? holding(() => chosen, fallback);
  };
}

function holding(chosen: () => (() => Sha2) | undefined, fallback: () => Sha2): Sha2 {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let hash: Sha2 | undefined;
  const begin = (start: () => Sha2) => {
    const begun = start();
    for (const bytes of held) begun.update(bytes);
    held = [];
    return begun;
  };
  return {
    update(bytes) {
      const start = chosen() ?? (heldBytes + bytes.byteLength > MAX_HELD_BYTES ? fallback : undefined);
      if (start !== undefined) hash ??= begin(start);
      if (hash !== undefined) return hash.update(bytes);
      heldBytes += bytes.byteLength;
      // A copy: the caller may use its buffer again.
      held.push(bytes.slice());
    },
    hex() {
      hash ??= begin(chosen() ?? fallback);
      return hash.hex();
    },
  };
}
