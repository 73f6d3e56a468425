import { InvalidManifestError } from "./errors.ts";

export type JsonRecord = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Own members only: a manifest must not reach into an object's prototype. */
export function memberOf(value: JsonRecord, name: string, path: string): unknown {
  if (!Object.hasOwn(value, name))
    throw new InvalidManifestError(`${path === "" ? name : `${path}.${name}`} is missing`);
  return value[name];
}

export function optionalMember(value: JsonRecord, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

export function optionalString(value: JsonRecord, name: string, path: string): string | undefined {
  const member = optionalMember(value, name);
  if (member === undefined || typeof member === "string") return member;
  throw new InvalidManifestError(`${path === "" ? name : `${path}.${name}`} is not a string`);
}

export function stringMap(value: JsonRecord, name: string, path: string): void {
  // Some tools write `"annotations": null`; Go readers take it as absent, and so do we.
  const member = optionalMember(value, name) ?? {};
  if (isRecord(member) && Object.values(member).every((entry) => typeof entry === "string")) return;
  throw new InvalidManifestError(`${path === "" ? name : `${path}.${name}`} is not a map of strings`);
}

export function optionalStrings(value: JsonRecord, name: string, path: string): void {
  const member = optionalMember(value, name) ?? [];
  if (Array.isArray(member) && member.every((entry) => typeof entry === "string")) return;
  throw new InvalidManifestError(`${path === "" ? name : `${path}.${name}`} is not a list of strings`);
}
