import { type Digest, isDigest } from "@acrkit/oci";

/** Readers for the metadata API's JSON. They throw what `fail` makes of the member's path, once, in the caller's words. */

export type JsonObject = Readonly<Record<string, unknown>>;
export type Fail = (problem: string) => Error;

export function object(value: unknown, path: string, fail: Fail): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw fail(`the answer's ${path} is not an object`);
}

export function member(value: JsonObject, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

export function text(value: JsonObject, name: string, fail: Fail): string {
  const found = member(value, name);
  if (typeof found === "string") return found;
  throw fail(`the answer's ${name} is missing or no string`);
}

/** Checked, since callers put it into paths. */
export function digest(value: JsonObject, name: string, fail: Fail): Digest {
  const found = text(value, name, fail);
  if (isDigest(found)) return found;
  throw fail(`the answer's ${name} is no digest`);
}

export function optionalText(value: JsonObject, name: string): string | undefined {
  const found = member(value, name);
  return typeof found === "string" && found !== "" ? found : undefined;
}

export function count(value: JsonObject, name: string, fail: Fail): number {
  const found = member(value, name);
  if (typeof found === "number" && Number.isSafeInteger(found) && found >= 0) return found;
  throw fail(`the answer's ${name} is missing or no number`);
}

/** RFC 3339 with up to seven digits of a second; a Date keeps three of them. */
export function date(value: JsonObject, name: string, fail: Fail): Date {
  const found = new Date(text(value, name, fail));
  if (!Number.isNaN(found.getTime())) return found;
  throw fail(`the answer's ${name} is no date`);
}

/** A list; null counts as empty, since Go services send it for a list without entries. */
export function list(value: JsonObject, name: string, fail: Fail): readonly unknown[] {
  const found = member(value, name);
  if (Array.isArray(found)) return found;
  if (found === null) return [];
  throw fail(`the answer's ${name} is missing or no list`);
}

/** A list that is left out when it is empty. */
export function optionalList(value: JsonObject, name: string, fail: Fail): readonly unknown[] {
  return member(value, name) === undefined ? [] : list(value, name, fail);
}

export function texts(entries: readonly unknown[], name: string, fail: Fail): string[] {
  return entries.map((entry) => {
    if (typeof entry === "string") return entry;
    throw fail(`the answer's ${name} holds something that is no string`);
  });
}
