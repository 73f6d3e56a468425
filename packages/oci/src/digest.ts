import { createSha2 } from "#sha2";
import type { ByteSource } from "./bytes.ts";
import { DigestMismatchError, InvalidInputError } from "./errors.ts";
import type { Sha2Algorithm } from "./sha2/port.ts";

declare const digestBrand: unique symbol;

/** A digest that has been checked against the grammar: `sha256:` and 64 hexadecimal digits. */
export type Digest = string & { readonly [digestBrand]: true };

// OCI image-spec v1.1.1, descriptor.md, "Digests":
//   digest ::= algorithm ":" encoded;  algorithm-component ::= [a-z0-9]+;  separators + . _ -;  encoded ::= [a-zA-Z0-9=_-]+
const GRAMMAR = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;

/** Registered algorithms fix the form of the encoded part: lower-case hexadecimal of the hash's length. */
const ENCODED: Readonly<Record<Sha2Algorithm, RegExp>> = { sha256: /^[a-f0-9]{64}$/, sha512: /^[a-f0-9]{128}$/ };

/** Longer than any registered digest by far; keeps hostile input away from the pattern. */
const MAX_DIGEST_CHARACTERS = 512;

/**
 * True when `text` is a digest by the grammar, of any algorithm; of the registered ones (sha256, sha512) also with the
 * right number of digits.
 *
 * @see OCI image-spec v1.1.1, descriptor.md, "Digests"
 */
export function isDigest(text: string): text is Digest {
  if (text.length > MAX_DIGEST_CHARACTERS || !GRAMMAR.test(text)) return false;
  const colon = text.indexOf(":");
  const algorithm = text.slice(0, colon);
  const encoded = isComputable(algorithm) ? ENCODED[algorithm] : undefined;
  return encoded === undefined || encoded.test(text.slice(colon + 1));
}

/**
 * Checks a digest and brands it.
 *
 * @throws {InvalidInputError} the text does not follow the grammar
 * @example
 * ```ts
 * import { parseDigest } from "@acrkit/oci";
 * const digest = parseDigest("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
 * ```
 */
export function parseDigest(text: string): Digest {
  if (typeof text === "string" && isDigest(text)) return text;
  throw new InvalidInputError("digest", text, "expected sha256: followed by 64 lower-case hexadecimal digits");
}

/** The part before the colon: `sha256`. */
export function digestAlgorithm(digest: Digest): string {
  return digest.slice(0, digest.indexOf(":"));
}

/** The part behind the colon. */
export function digestEncoded(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/**
 * True when the digest's algorithm can be computed here: sha256 or sha512. One of another proves nothing to this library,
 * although its grammar is right.
 */
export function isVerifiable(digest: Digest): boolean {
  return isComputable(digestAlgorithm(digest));
}

function isComputable(algorithm: string): algorithm is Sha2Algorithm {
  // Own members only: `constructor` is a well-formed algorithm, too, and every object has one.
  return Object.hasOwn(ENCODED, algorithm);
}

/** A running digest. Ask for `digest()` once, at the end. */
export interface Digester {
  update(bytes: Uint8Array): void;
  /** Bytes seen so far. */
  readonly sizeInBytes: number;
  digest(): Digest;
}

/**
 * Starts a digest over bytes that come piece by piece.
 *
 * @throws {InvalidInputError} the algorithm is neither sha256 nor sha512, so nothing could be verified with it
 */
export function createDigester(algorithm = "sha256"): Digester {
  if (!isComputable(algorithm)) {
    throw new InvalidInputError("digest algorithm", algorithm, "only sha256 and sha512 can be computed here");
  }
  const hash = createSha2(algorithm);
  let sizeInBytes = 0;
  return {
    update(bytes) {
      sizeInBytes += bytes.byteLength;
      hash.update(bytes);
    },
    get sizeInBytes() {
      return sizeInBytes;
    },
    digest: () => `${algorithm}:${hash.hex()}` as Digest,
  };
}

/**
 * The digest of bytes in memory.
 *
 * @example
 * ```ts
 * import { digestOf } from "@acrkit/oci";
 * const digest = digestOf(new TextEncoder().encode("hello")); // sha256:2cf24dba…
 * ```
 */
export function digestOf(bytes: Uint8Array, algorithm = "sha256"): Digest {
  const digester = createDigester(algorithm);
  digester.update(bytes);
  return digester.digest();
}

/** What bytes are promised to be; `sizeInBytes` is checked where it is known. */
export interface ExpectedContent {
  readonly digest: Digest;
  readonly sizeInBytes?: number | undefined;
}

/**
 * Passes bytes through and checks them against what was promised; the check fails inside the consumer's loop.
 *
 * Bytes are handed on before the whole is known to be right: trust them only once the loop has ended without an error.
 * A source that runs past the promised size is stopped at once. The source is closed when the loop is left early and
 * when the check fails.
 *
 * @throws {DigestMismatchError} while iterating: size or digest differ
 * @throws {InvalidInputError} while iterating: the digest's algorithm cannot be computed here
 */
export async function* verifyBytes(
  source: ByteSource,
  expected: ExpectedContent,
): AsyncGenerator<Uint8Array, void, undefined> {
  const algorithm = digestAlgorithm(expected.digest);
  const size = expected.sizeInBytes;
  let digester: Digester | undefined;
  for await (const part of source) {
    // Started inside the loop, so that an algorithm that cannot be computed closes the source as any failure does.
    digester ??= createDigester(algorithm);
    digester.update(part);
    if (size !== undefined && digester.sizeInBytes > size) throw sizeMismatch(expected, digester.sizeInBytes);
    yield part;
  }
  assertContent(digester ?? createDigester(algorithm), expected);
}

/** The same for bytes in memory. */
export function verifyBytesSync(bytes: Uint8Array, expected: ExpectedContent): void {
  const digester = createDigester(digestAlgorithm(expected.digest));
  digester.update(bytes);
  assertContent(digester, expected);
}

/**
 * Ends a digester and compares.
 *
 * @throws {DigestMismatchError} size or digest differ
 */
export function assertContent(digester: Digester, expected: ExpectedContent): void {
  const bytesRead = digester.sizeInBytes;
  if (expected.sizeInBytes !== undefined && bytesRead !== expected.sizeInBytes) throw sizeMismatch(expected, bytesRead);
  const actual = digester.digest();
  if (actual !== expected.digest) {
    throw new DigestMismatchError(`content differs from its digest: expected ${expected.digest}, got ${actual}`, {
      expected: expected.digest,
      actual,
      bytesRead,
    });
  }
}

function sizeMismatch(expected: ExpectedContent, bytesRead: number): DigestMismatchError {
  const more = bytesRead > (expected.sizeInBytes ?? 0);
  return new DigestMismatchError(
    `content ${expected.digest} should have ${expected.sizeInBytes} bytes, ${more ? "but more came" : `only ${bytesRead} came`}`,
    { expected: expected.digest, bytesRead },
  );
}
