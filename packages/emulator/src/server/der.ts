/* The part of ASN.1's distinguished encoding (X.690) that a certificate takes. */

/** An element: its tag, its length, its content. */
export function element(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(bytes.byteLength)]), bytes]);
}

function lengthOf(bytes: number): readonly number[] {
  if (bytes < 0x80) return [bytes];
  const digits = bytes < 0x100 ? [bytes] : [bytes >> 8, bytes & 0xff];
  return [0x80 | digits.length, ...digits];
}

export const sequence = (...content: readonly Uint8Array[]) => element(0x30, ...content);
export const set = (...content: readonly Uint8Array[]) => element(0x31, ...content);
export const boolean = (value: boolean) => element(0x01, Buffer.from([value ? 0xff : 0x00]));
/** A number that is not negative, as its bytes. */
export const integer = (...bytes: readonly number[]) =>
  element(0x02, Buffer.from((bytes[0] ?? 0) < 0x80 ? bytes : [0, ...bytes]));
export const octets = (content: Uint8Array) => element(0x04, content);
/** `unusedBits` are those at the end of the last byte that do not count. */
export const bits = (content: Uint8Array, unusedBits = 0) => element(0x03, Buffer.from([unusedBits]), content);
export const text = (value: string) => element(0x0c, Buffer.from(value));
/** `[number]` around whole elements. */
export const explicit = (number: number, ...content: readonly Uint8Array[]) => element(0xa0 | number, ...content);
/** `[number]` in place of the tag of something that holds no elements. */
export const implicit = (number: number, content: Uint8Array) => element(0x80 | number, content);

/** A point in time, to the second; RFC 5280 4.1.2.5 wants two digits of the year up to 2049. */
export function time(ms: number): Uint8Array {
  const digits = `${new Date(ms).toISOString().replace(/\.\d+|[-:T]/g, "")}`;
  return digits < "2050" ? element(0x17, Buffer.from(digits.slice(2))) : element(0x18, Buffer.from(digits));
}

/** An object identifier, `2.5.29.17`. */
export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...others] = dotted.split(".").map(Number);
  return element(0x06, Buffer.from([first * 40 + second, ...others.flatMap(base128)]));
}

function base128(value: number): readonly number[] {
  const high = value >> 7;
  return high === 0 ? [value] : [...base128(high).map((byte) => byte | 0x80), value & 0x7f];
}
