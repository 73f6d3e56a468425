import { describe, expect, test } from "vitest";
import { Seeded } from "../../test/seeded.ts";
import { createSha2 as createNodeSha2 } from "./node.ts";
import type { Sha2, Sha2Algorithm } from "./port.ts";
import { createSha2 as createPortableSha2 } from "./portable.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

const implementations: [string, (algorithm: Sha2Algorithm) => Sha2][] = [
  ["node", createNodeSha2],
  ["portable", createPortableSha2],
];

// NIST, "SHA256.pdf" and "SHA512.pdf" (FIPS 180-4 examples); the million of a: FIPS 180-2, B.3 and C.3.
const VECTORS: [Sha2Algorithm, string, string][] = [
  ["sha256", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["sha256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "sha256",
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
  ["sha256", "a".repeat(1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
  [
    "sha512",
    "abc",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  ],
  [
    "sha512",
    "a".repeat(1_000_000),
    "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973ebde0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b",
  ],
];

describe.each(implementations)("%s", (_, createSha2) => {
  test.each(VECTORS)("%s of %.60s", (algorithm, text, hex) => {
    const hash = createSha2(algorithm);
    hash.update(utf8(text));
    expect(hash.hex()).toBe(hex);
  });
});

test.each<Sha2Algorithm>(["sha256", "sha512"])("both give the same %s, wherever the bytes are split", (algorithm) => {
  const random = new Seeded();
  for (let round = 0; round < 100; round++) {
    // Around the block sizes of 64 and 128 bytes is where a mistake would be.
    const bytes = random.bytes(random.below(round < 50 ? 300 : 20_000));
    const hexes = implementations.map(([, createSha2]) => {
      const hash = createSha2(algorithm);
      for (const part of random.split(bytes)) hash.update(part);
      return hash.hex();
    });
    expect(hexes[1], `seed ${random.seed}, ${bytes.length} bytes`).toBe(hexes[0]);
  }
});

test("a view into a larger buffer counts only its own bytes", () => {
  const whole = utf8("xxabcxx");
  for (const [, createSha2] of implementations) {
    const hash = createSha2("sha256");
    hash.update(whole.subarray(2, 5));
    expect(hash.hex()).toBe(VECTORS[1]?.[2]);
  }
});
