import { afterEach, describe, expect, test, vi } from "vitest";
import { Seeded } from "../../test/seeded.ts";
import { createSha2 as createPlainSha2 } from "./javascript.ts";
import { createSha2 as createNodeSha2 } from "./node.ts";
import type { Sha2, Sha2Algorithm } from "./port.ts";
import { createSha2 as createPortableSha2, MAX_HELD_BYTES, preferring } from "./portable.ts";
import { loadSha256 } from "./webassembly.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

const startWebAssembly = await loadSha256();
const startPlain = () => createPlainSha2("sha256");
const startNode = () => createNodeSha2("sha256");

const implementations: [string, (algorithm: Sha2Algorithm) => Sha2][] = [
  ["node", createNodeSha2],
  ["JavaScript", createPlainSha2],
  ["WebAssembly", (algorithm) => (algorithm === "sha256" ? startWebAssembly() : createPlainSha2(algorithm))],
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

test.each<Sha2Algorithm>(["sha256", "sha512"])("all give the same %s, wherever the bytes are split", (algorithm) => {
  const random = new Seeded();
  for (let round = 0; round < 100; round++) {
    // Around the block sizes of 64 and 128 bytes is where a mistake would be.
    const bytes = random.bytes(random.below(round < 50 ? 300 : 20_000));
    const hexes = implementations.map(([, createSha2]) => {
      const hash = createSha2(algorithm);
      for (const part of random.split(bytes)) hash.update(part);
      return hash.hex();
    });
    expect(new Set(hexes).size, `seed ${random.seed}, ${bytes.length} bytes: ${hexes}`).toBe(1);
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

test.each(implementations)("%s: a hash that has ended takes no more", (_, createSha2) => {
  const hash = createSha2("sha256");
  hash.hex();
  const other = createSha2("sha256");
  expect(() => hash.update(utf8("abc"))).toThrow();
  expect(() => hash.hex()).toThrow();
  other.update(utf8("abc"));
  expect(other.hex()).toBe(VECTORS[1]?.[2]);
});

test("hashes that take turns on WebAssembly do not mix, whenever they begin, end or are left alone", () => {
  const random = new Seeded();
  const running: { hash: Sha2; witness: Sha2 }[] = [];
  for (let round = 0; round < 3_000; round++) {
    const at = random.below(running.length + 1);
    const pair = running[at] ?? { hash: startWebAssembly(), witness: startNode() };
    if (at === running.length) running.push(pair);
    // Beyond 16 KiB one update goes in several parts.
    const bytes = random.bytes(random.below(round % 50 === 0 ? 40_000 : 200));
    pair.hash.update(bytes);
    pair.witness.update(bytes);
    const fate = random.below(10);
    if (fate < 2) running.splice(at, 1);
    if (fate === 0) expect(pair.hash.hex(), `seed ${random.seed}, round ${round}`).toBe(pair.witness.hex());
  }
  for (const { hash, witness } of running) expect(hash.hex(), `seed ${random.seed}`).toBe(witness.hex());
});

describe("until WebAssembly is there", () => {
  const starts: string[] = [];
  afterEach(() => {
    starts.length = 0;
    vi.unstubAllGlobals();
    vi.doUnmock("./javascript.ts");
  });
  const counted = (name: string, start: () => Sha2) => () => {
    starts.push(name);
    return start();
  };
  const fallback = counted("JavaScript", startPlain);
  const preferred = counted("WebAssembly", startWebAssembly);

  test("a hash holds its bytes, and goes on with it from then on", async () => {
    const compiled = Promise.withResolvers<() => Sha2>();
    const start = preferring(() => compiled.promise, fallback);
    const hash = start();
    const buffer = utf8("a");
    hash.update(buffer);
    buffer.fill(0); // The caller uses its buffer again.
    expect(starts).toEqual([]);
    compiled.resolve(preferred);
    await compiled.promise;
    hash.update(utf8("bc"));
    expect(starts).toEqual(["WebAssembly"]);
    expect(hash.hex()).toBe(VECTORS[1]?.[2]);
    start();
    expect(starts).toEqual(["WebAssembly", "WebAssembly"]);
  });

  test("a hash that ends before is made by JavaScript, and so is one with too many bytes to hold", async () => {
    const load = vi.fn(() => new Promise<() => Sha2>(() => {}));
    const start = preferring(load, fallback);
    const short = start();
    short.update(utf8("abc"));
    expect(short.hex()).toBe(VECTORS[1]?.[2]);

    const long = start();
    const witness = startNode();
    const bytes = new Uint8Array(MAX_HELD_BYTES / 2).fill(7);
    for (const [index, begun] of [1, 1, 2, 2].entries()) {
      long.update(bytes);
      witness.update(bytes);
      expect(starts, `after update ${index + 1}`).toHaveLength(begun);
    }
    expect(long.hex()).toBe(witness.hex());
    expect(starts).toEqual(["JavaScript", "JavaScript"]);
    expect(load).toHaveBeenCalledOnce();
  });

  test("where it is refused, JavaScript hashes for good", async () => {
    const refused = Promise.reject(new Error("CompileError: violates the Content Security policy"));
    const start = preferring(() => refused, fallback);
    const early = start();
    early.update(utf8("ab"));
    await refused.catch(() => {});
    early.update(utf8("c"));
    const late = start();
    late.update(utf8("abc"));
    expect([early.hex(), late.hex()]).toEqual([VECTORS[1]?.[2], VECTORS[1]?.[2]]);
    expect(starts).toEqual(["JavaScript", "JavaScript"]);
  });

  test("where there is none, loading it says so and throws nothing else", async () => {
    vi.stubGlobal("WebAssembly", undefined);
    await expect(loadSha256()).rejects.toThrow("WebAssembly is not supported");
  });

  test("portable needs no JavaScript from then on", async () => {
    vi.resetModules();
    vi.doMock("./javascript.ts", () => ({ createSha2: () => expect.fail("JavaScript hashes") }));
    const portable = await import("./portable.ts");
    const early = portable.createSha2("sha256");
    early.update(utf8("ab"));
    await vi.waitFor(() => {
      const late = portable.createSha2("sha256");
      late.update(utf8("abc"));
      expect(late.hex()).toBe(VECTORS[1]?.[2]);
    });
    early.update(utf8("c"));
    expect(early.hex()).toBe(VECTORS[1]?.[2]);
  });
});
