import { collectBytes, isLimitError } from "@acrkit/oci";
import type { Attributes } from "../storage/records.ts";
import type { EmulatorRequest } from "./message.ts";
import { malformedAttributes } from "./unseen.ts";

/** The body of a PATCH holds four booleans; this leaves room for spaces. */
const MAX_BODY_BYTES = 64 * 1024;

const NAMES = ["deleteEnabled", "writeEnabled", "readEnabled", "listEnabled"] as const;

/** Reads the body of a PATCH: any subset of the four booleans (3.3). */
export async function readAttributes(request: EmulatorRequest): Promise<Partial<Attributes>> {
  const value = await readJson(request);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformedAttributes();
  const changes: Partial<Record<keyof Attributes, boolean>> = {};
  for (const name of NAMES) {
    const attribute: unknown = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
    if (attribute === undefined || attribute === null) continue;
    if (typeof attribute !== "boolean") throw malformedAttributes();
    changes[name] = attribute;
  }
  return changes;
}

async function readJson(request: EmulatorRequest): Promise<unknown> {
  try {
    const body = await collectBytes(request.body, MAX_BODY_BYTES, "request body");
    return JSON.parse(new TextDecoder().decode(body));
  } catch (error) {
    if (error instanceof SyntaxError || isLimitError(error)) throw malformedAttributes();
    throw error;
  }
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
