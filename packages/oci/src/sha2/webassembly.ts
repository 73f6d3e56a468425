import { createSHA256, type IHasher } from "hash-wasm";
import type { Sha2 } from "./port.ts";

/**
 * Compiles sha256 to machine code, in some milliseconds, and gives what starts hashes on it.
 *
 * Rejects where there is no WebAssembly, and where a Content-Security-Policy without `'wasm-unsafe-eval'` forbids it.
 */
export async function loadSha256(): Promise<() => Sha2> {
  return takingTurns(await createSHA256());
}

/**
 * Any number of running hashes on one instance. An instance holds the state of one hash: when another one's bytes come, that
 * state of about a hundred bytes is put aside, and the other's is put in.
 */
function takingTurns(instance: IHasher): () => Sha2 {
  let inside: { state?: Uint8Array } | undefined;
  return () => {
    const own: { state?: Uint8Array } = {};
    let ended = false;
    const enter = () => {
      if (ended) throw new Error("this hash has ended");
      if (inside === own) return;
      if (inside !== undefined) inside.state = instance.save();
      inside = own;
      if (own.state === undefined) instance.init();
      else instance.load(own.state);
    };
    return {
      update(bytes) {
        enter();
        instance.update(bytes);
      },
      hex() {
        enter();
        ended = true;
        inside = undefined;
        return instance.digest("hex");
      },
    };
  };
}
