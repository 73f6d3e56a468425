export type Sha2Algorithm = "sha256" | "sha512";

/** One running hash. `hex` ends it. WebCrypto cannot hash a stream, hence the port: Node's own, WebAssembly, JavaScript. */
export interface Sha2 {
  update(bytes: Uint8Array): void;
  hex(): string;
}
