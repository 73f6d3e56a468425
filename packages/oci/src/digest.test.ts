import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { Seeded } from "../test/seeded.ts";
import {
  assertContent,
  createDigester,
  type Digest,
  digestAlgorithm,
  digestEncoded,
  digestOf,
  isDigest,
  isVerifiable,
  parseDigest,
  verifyBytes,
  verifyBytesSync,
} from "./digest.ts";
import { InvalidInputError, isDigestMismatchError, isInvalidInputError } from "./errors.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

// FIPS 180-4 example messages (NIST, "SHA256.pdf" and "SHA512.pdf"), and the well-known digests of nothing.
const EMPTY_256 = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" as Digest;
const EMPTY_512 =
  "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e" as Digest;
const ABC_256 = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" as Digest;
const ABC_512 =
  "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" as Digest;

describe("the grammar (OCI image-spec v1.1.1, descriptor.md, Digests)", () => {
  test.each([
    ["sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b", "the spec's sha256 example"],
    [
      "sha512:401b09eab3c013d4ca54922bb802bec8fd5318192b0a75f201d8b3727429080fb337591abd3e44453b954555b7a0812e1081c39b740293f765eae731f5a65ed1",
      "the spec's sha512 example",
    ],
    ["multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8", "the spec's unregistered algorithm"],
    ["sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564", "the spec's unregistered encoding"],
    ["constructor:abc", "an unregistered algorithm that is a member of every object"],
  ])("takes %s (%s)", (text) => {
    expect(isDigest(text)).toBe(true);
    expect(parseDigest(text)).toBe(text);
  });

  test.each([
    ["", "nothing"],
    ["sha256", "no colon"],
    ["sha256:", "nothing encoded"],
    [":abc", "no algorithm"],
    [`sha256:${"a".repeat(63)}`, "a digit short"],
    [`sha256:${"a".repeat(65)}`, "a digit long"],
    [`sha256:${"A".repeat(64)}`, "upper case"],
    [`sha256:${"g".repeat(64)}`, "not hexadecimal"],
    [`sha512:${"a".repeat(64)}`, "sha512 with the length of sha256"],
    [`SHA256:${"a".repeat(64)}`, "algorithm in upper case"],
    [`sha256:${"a".repeat(64)}\n`, "a line end"],
    [` sha256:${"a".repeat(64)}`, "a space in front"],
    [`sha256:${"a".repeat(32)}/../${"a".repeat(28)}`, "a path"],
    ["sha256++b64:abc", "two separators"],
    ["sha256+:abc", "a separator at the end"],
    ["latest", "a tag"],
    [`x:${"a".repeat(1_000_000)}`, "a megabyte"],
  ])("refuses %.80s (%s)", (text) => {
    expect(isDigest(text)).toBe(false);
    expect(() => parseDigest(text)).toThrow(InvalidInputError);
  });

  test("what is no text at all is refused by name, not with a TypeError", () => {
    for (const value of [undefined, null, 7, Object.create(null), ["sha256:a"], Symbol("digest")]) {
      expect(() => parseDigest(value as string)).toThrow(InvalidInputError);
    }
  });

  test("algorithm and encoded part", () => {
    expect(digestAlgorithm(ABC_256)).toBe("sha256");
    expect(digestEncoded(ABC_256)).toBe(ABC_256.slice(7));
    expect(digestEncoded(parseDigest("a+b:x=_-Z"))).toBe("x=_-Z");
  });
});

describe("computing", () => {
  test.each([
    ["sha256", "", EMPTY_256],
    ["sha256", "abc", ABC_256],
    ["sha512", "", EMPTY_512],
    ["sha512", "abc", ABC_512],
  ])("%s of %j", (algorithm, text, digest) => {
    expect(digestOf(utf8(text), algorithm)).toBe(digest);
  });

  test("sha256 unless told otherwise", () => expect(digestOf(utf8("abc"))).toBe(ABC_256));

  test("any split of the bytes gives the same digest and counts the same size", () => {
    const random = new Seeded();
    for (let round = 0; round < 50; round++) {
      const bytes = random.bytes(random.below(5000));
      const digester = createDigester();
      for (const part of random.split(bytes)) digester.update(part);
      expect(digester.sizeInBytes, `seed ${random.seed}`).toBe(bytes.length);
      expect(digester.digest(), `seed ${random.seed}`).toBe(digestOf(bytes));
    }
  });

  test.each(["sha384", "md5", "", "constructor", "toString", "__proto__"])("refuses algorithm %j by name", (name) => {
    expect(() => createDigester(name)).toThrow(InvalidInputError);
  });
});

describe("verifying", () => {
  const content = utf8("0123456789".repeat(10));
  const expected = { digest: digestOf(content), sizeInBytes: content.length };

  test("passes the very bytes through, in order", async () => {
    const { source } = watched([content.subarray(0, 7), content.subarray(7)]);
    expect(await read(verifyBytes(source, expected))).toEqual(content);
  });

  test.each([
    ["sha256", EMPTY_256],
    ["sha512", EMPTY_512],
  ])("no bytes at all are right for the %s of nothing", async (_, digest) => {
    expect(await read(verifyBytes(watched([]).source, { digest, sizeInBytes: 0 }))).toHaveLength(0);
    await expect(read(verifyBytes(watched([]).source, expected))).rejects.toSatisfy(isDigestMismatchError);
  });

  test("sha512 is verified by sha512", async () => {
    expect(await read(verifyBytes(watched([utf8("abc")]).source, { digest: ABC_512 }))).toEqual(utf8("abc"));
    await expect(read(verifyBytes(watched([utf8("abd")]).source, { digest: ABC_512 }))).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      expected: ABC_512,
    });
  });

  test("too many bytes: stopped at the first part that goes past the size, which is not handed on", async () => {
    const seen = watched([content, utf8("more"), utf8("never read")]);
    const got: Uint8Array[] = [];
    const loop = async () => {
      for await (const part of verifyBytes(seen.source, expected)) got.push(part);
    };
    await expect(loop()).rejects.toMatchObject({ code: "DIGEST_MISMATCH", bytesRead: 104, actual: undefined });
    expect(got).toEqual([content]);
    expect(seen).toMatchObject({ handedOut: 2, closed: true });
  });

  test("a single byte too many is enough, and nothing behind it is read", async () => {
    const seen = watched([content, utf8("1"), utf8("2")]);
    await expect(read(verifyBytes(seen.source, expected))).rejects.toMatchObject({ bytesRead: 101 });
    expect(seen).toMatchObject({ handedOut: 2, closed: true });
  });

  test("truncated: fails at the end, saying how far it came", async () => {
    const { source } = watched([content.subarray(0, 99)]);
    await expect(read(verifyBytes(source, expected))).rejects.toMatchObject({
      bytesRead: 99,
      actual: undefined,
      message: `content ${expected.digest} should have 100 bytes, only 99 came`,
    });
  });

  test("truncated where no size is known: the digest gives it away", async () => {
    const { source } = watched([content.subarray(0, 99)]);
    await expect(read(verifyBytes(source, { digest: expected.digest }))).rejects.toMatchObject({
      bytesRead: 99,
      actual: digestOf(content.subarray(0, 99)),
    });
  });

  test("any single flipped bit is found", async () => {
    const random = new Seeded();
    for (let round = 0; round < 50; round++) {
      const corrupt = Uint8Array.from(content);
      const at = random.below(corrupt.length);
      corrupt[at] = (corrupt[at] ?? 0) ^ (1 << random.below(8));
      await expect(
        read(verifyBytes(watched(random.split(corrupt)).source, expected)),
        `seed ${random.seed}`,
      ).rejects.toMatchObject({ code: "DIGEST_MISMATCH", expected: expected.digest, actual: digestOf(corrupt) });
      expect(() => verifyBytesSync(corrupt, expected)).toThrow(expected.digest);
    }
  });

  test("the failure surfaces in the consumer's own loop, after the last part", async () => {
    const events: string[] = [];
    try {
      for await (const part of verifyBytes(watched([utf8("ab"), utf8("x")]).source, { digest: ABC_256 })) {
        events.push(`part of ${part.length}`);
      }
      events.push("ended");
    } catch (error) {
      events.push(isDigestMismatchError(error) ? "mismatch" : String(error));
    }
    expect(events).toEqual(["part of 2", "part of 1", "mismatch"]);
  });

  test("a consumer that leaves closes the source, and is told nothing", async () => {
    const seen = watched([content.subarray(0, 1), content.subarray(1)]);
    for await (const _ of verifyBytes(seen.source, expected)) break;
    expect(seen).toMatchObject({ handedOut: 1, closed: true });
  });

  test("a consumer that throws closes the source, and keeps its own error", async () => {
    const seen = watched([content]);
    const loop = async () => {
      for await (const _ of verifyBytes(seen.source, expected)) throw new Error("disk full");
    };
    await expect(loop()).rejects.toThrow("disk full");
    expect(seen.closed).toBe(true);
  });

  test("a Node stream is destroyed when its content is too long", async () => {
    const stream = Readable.from([content, utf8("more")]);
    await expect(read(verifyBytes(stream, expected))).rejects.toSatisfy(isDigestMismatchError);
    expect(stream.destroyed).toBe(true);
  });

  test("a web stream is cancelled when the consumer leaves", async () => {
    let cancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(content),
      cancel: () => {
        cancelled = true;
      },
    });
    for await (const _ of verifyBytes(stream, { digest: expected.digest })) break;
    expect(cancelled).toBe(true);
  });

  test("an error of the source passes unchanged", async () => {
    const broken = new Error("connection reset");
    async function* source() {
      yield content;
      throw broken;
    }
    await expect(read(verifyBytes(source(), expected))).rejects.toBe(broken);
  });

  test("an algorithm that cannot be computed is refused, and the source closed", async () => {
    const seen = watched([content]);
    const digest = parseDigest("sha384:abc");
    await expect(read(verifyBytes(seen.source, { digest }))).rejects.toSatisfy(isInvalidInputError);
    expect(seen.closed).toBe(true);
    await expect(read(verifyBytes(watched([]).source, { digest }))).rejects.toSatisfy(isInvalidInputError);
  });

  test("bytes in memory: size first, then digest", () => {
    expect(() => verifyBytesSync(content, expected)).not.toThrow();
    expect(() => verifyBytesSync(content, { digest: expected.digest })).not.toThrow();
    expect(() => verifyBytesSync(content, { ...expected, sizeInBytes: 99 })).toThrow("should have 99 bytes");
    expect(() => verifyBytesSync(content, { ...expected, sizeInBytes: 0 })).toThrow("more came");
    expect(() => verifyBytesSync(content, { digest: EMPTY_256 })).toThrow("differs from its digest");
  });

  test("a digester that someone else fed can be compared", () => {
    const digester = createDigester();
    digester.update(content);
    expect(() => assertContent(digester, expected)).not.toThrow();
  });
});

/** A source that knows how much of it was read, and whether it was closed. */
function watched(parts: readonly Uint8Array[]) {
  const seen = { handedOut: 0, closed: false, source: generate() };
  async function* generate() {
    try {
      for (const part of parts) {
        seen.handedOut++;
        yield part;
      }
    } finally {
      seen.closed = true;
    }
  }
  return seen;
}

async function read(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const bytes: number[] = [];
  for await (const part of source) bytes.push(...part);
  return Uint8Array.from(bytes);
}

test("a digest is verifiable when its algorithm can be computed, whatever its grammar allows besides", () => {
  expect(isVerifiable(parseDigest(`sha256:${"0".repeat(64)}`))).toBe(true);
  expect(isVerifiable(parseDigest(`sha512:${"0".repeat(128)}`))).toBe(true);
  expect(isVerifiable(parseDigest(`blake3:${"0".repeat(64)}`))).toBe(false);
  expect(isVerifiable(parseDigest("constructor:abc"))).toBe(false);
});
