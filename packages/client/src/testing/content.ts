import { digestOf } from "@acrkit/oci";

/** Bytes that differ from place to place, the same at every run: a part that is lost or sent twice changes the digest. */
export function patterned(sizeInBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeInBytes);
  let state = 0x9e3779b9;
  for (let at = 0; at < sizeInBytes; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

export const HELLO = new TextEncoder().encode("hello");
export const HELLO_DIGEST = digestOf(HELLO);
/** A digest of nothing that is here. */
export const OTHER_DIGEST = digestOf(new TextEncoder().encode("other"));
