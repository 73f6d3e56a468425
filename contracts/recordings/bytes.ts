import { digestOf } from "@acrkit/oci";
import type { RecordedBody } from "./recording.ts";

const encoder = new TextEncoder();

/** The ways in which recorded manifests turned out to have been written (protocol reference 4.2). */
const WRITERS: readonly ((value: unknown) => string)[] = [
  (value) => JSON.stringify(value),
  (value) => JSON.stringify(value, null, 3),
  (value) => JSON.stringify(value).replaceAll("/", "\\/"),
];

/**
 * The bytes of recorded JSON. Recorders keep the parsed value: the original bytes are those among the known ways of
 * writing that have the digest, or the length, that is known. Compact where nothing fits.
 */
export function writeJson(
  value: unknown,
  known: { readonly digest?: string | undefined; readonly length?: number },
): Uint8Array {
  const candidates = WRITERS.map((write) => encoder.encode(write(value)));
  const found =
    candidates.find((bytes) => digestOf(bytes) === known.digest) ??
    candidates.find((bytes) => bytes.byteLength === known.length) ??
    candidates[0];
  return found ?? new Uint8Array();
}

/** A body's bytes; what the recorder left out is stood in for by other bytes of the same number. */
export function bytesOf(
  body: RecordedBody | null,
  known: { digest?: string | undefined; length?: number } = {},
): Uint8Array {
  if (body === null) return new Uint8Array();
  if ("json" in body) return writeJson(body.json, known);
  if ("text" in body) return encoder.encode(body.text);
  if ("base64" in body) return Buffer.from(body.base64, "base64");
  if ("form" in body) return encoder.encode(String(searchParams(body.form)));
  return new Uint8Array(body.bytes).fill(0x2e);
}

/** Recorded pairs as a form or query. */
export function searchParams(pairs: readonly (readonly [string, string])[]): URLSearchParams {
  const parameters = new URLSearchParams();
  for (const [name, value] of pairs) parameters.append(name, value);
  return parameters;
}
