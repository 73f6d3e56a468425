import type { EmulatorResponse, HeaderLine } from "./message.ts";

const encoder = new TextEncoder();

/** Go sends up to this many bytes with a Content-Length of its own accord, and more in chunks (1.3: long ones chunked). */
const COUNTED_BYTES = 2048;

/** A JSON answer: compact, with a final newline that counts (1.3). */
export function jsonAnswer(status: number, value: unknown, headers: readonly HeaderLine[] = []): EmulatorResponse {
  const body = encoder.encode(`${goJson(value)}\n`);
  const length: HeaderLine =
    body.byteLength > COUNTED_BYTES ? ["Transfer-Encoding", "chunked"] : ["Content-Length", String(body.byteLength)];
  return { status, headers: [["Content-Type", "application/json; charset=utf-8"], length, ...headers], body };
}

/** An answer without a body. */
export function emptyAnswer(status: number, headers: readonly HeaderLine[] = []): EmulatorResponse {
  return { status, headers: [["Content-Length", "0"], ...headers] };
}

/** An answer with given bytes. */
export function bytesAnswer(
  status: number,
  contentType: string,
  body: Uint8Array,
  headers: readonly HeaderLine[] = [],
): EmulatorResponse {
  return {
    status,
    headers: [["Content-Type", contentType], ["Content-Length", String(body.byteLength)], ...headers],
    body,
  };
}

/** A text answer. */
export function textAnswer(
  status: number,
  contentType: string,
  text: string,
  headers: readonly HeaderLine[] = [],
): EmulatorResponse {
  return bytesAnswer(status, contentType, encoder.encode(text), headers);
}

/** JSON as Go writes it: `<`, `>` and `&` escaped, and the two line separators that JavaScript once choked on. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
