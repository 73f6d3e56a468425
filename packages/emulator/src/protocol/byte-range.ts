/** A part of some bytes, both ends included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * What a `Range` header asks of `size` bytes. Undefined means everything: no header, or a form that Azure's storage does
 * not know and ignores, such as `512-` without `bytes=` (chapter 9, 22), several ranges, or a suffix.
 */
export function readByteRange(header: string | undefined, size: number): ByteRange | "unsatisfiable" | undefined {
  const found = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(header?.trim() ?? "");
  if (found === null) return undefined;
  const start = Number(found[1]);
  const end = found[2] === "" ? size - 1 : Math.min(Number(found[2]), size - 1);
  if (found[2] !== "" && Number(found[2]) < start) return undefined;
  return start >= size ? "unsatisfiable" : { start, end };
}
