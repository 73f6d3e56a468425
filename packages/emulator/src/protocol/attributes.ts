import type { Attributes, ManifestRecord } from "../storage/records.ts";
import { readJson } from "./json-body.ts";
import type { EmulatorRequest } from "./message.ts";
import { malformedBody } from "./unseen.ts";

const NAMES = ["deleteEnabled", "writeEnabled", "readEnabled", "listEnabled"] as const;

/** Reads the body of a PATCH: any subset of the four booleans (3.3). */
export async function readAttributes(request: EmulatorRequest): Promise<Partial<Attributes>> {
  return attributesOf(await readObject(request));
}

/** What a PATCH can change on a manifest: the booleans, and what a scanner says of an image in quarantine (6). */
export interface ManifestChanges {
  readonly attributes: Partial<Attributes>;
  readonly quarantine: Pick<ManifestRecord, "quarantineState" | "quarantineDetails">;
}

/** Reads the body of a PATCH of a manifest. */
export async function readManifestChanges(request: EmulatorRequest): Promise<ManifestChanges> {
  const body = await readObject(request);
  const quarantine: { -readonly [Name in keyof ManifestChanges["quarantine"]]: string } = {};
  for (const name of ["quarantineState", "quarantineDetails"] as const) {
    const text = body[name];
    if (text === undefined || text === null) continue;
    if (typeof text !== "string") throw malformedBody();
    quarantine[name] = text;
  }
  return { attributes: attributesOf(body), quarantine };
}

function attributesOf(body: Readonly<Record<string, unknown>>): Partial<Attributes> {
  const changes: Partial<Record<keyof Attributes, boolean>> = {};
  for (const name of NAMES) {
    const attribute = body[name];
    if (attribute === undefined || attribute === null) continue;
    const value = typeof attribute === "string" ? TEXTS[attribute.toLowerCase()] : attribute;
    if (typeof value !== "boolean") throw malformedBody();
    changes[name] = value;
  }
  return changes;
}

/** azure-cli sends the booleans as texts (its tests show `{"writeEnabled":"false"}`). */
const TEXTS: Readonly<Record<string, boolean | undefined>> = { true: true, false: false };

async function readObject(request: EmulatorRequest): Promise<Readonly<Record<string, unknown>>> {
  const value = await readJson(request, malformedBody);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformedBody();
  // Without a prototype: a member is one that was sent.
  return Object.assign(Object.create(null), value) as Readonly<Record<string, unknown>>;
}

/** `changeableAttributes`, in the order they were seen (3.2). */
export function changeableAttributes(attributes: Attributes): Attributes {
  const { deleteEnabled, writeEnabled, readEnabled, listEnabled } = attributes;
  return { deleteEnabled, writeEnabled, readEnabled, listEnabled };
}

/** A time as it is shown: without the zeros at the fraction's end (3.2). */
export function shownTime(timestamp: string): string {
  return timestamp.replace(/(\.\d*?)0+Z$/, "$1Z").replace(/\.Z$/, "Z");
}
