import { type JsonObject, member } from "./json.ts";

/** What may be done with a repository, tag or manifest: its locks. All are open unless set otherwise. */
export interface ChangeableProperties {
  readonly canDelete: boolean;
  /** Pushing, overwriting, retagging; ACR refuses deletes as well while this is false. */
  readonly canWrite: boolean;
  readonly canRead: boolean;
  /** False hides it from lists; it can still be reached by name. */
  readonly canList: boolean;
}

/** The locks to set; what is left out stays as it is. */
export type UpdatableProperties = Partial<ChangeableProperties>;

const WIRE_NAMES = {
  canDelete: "deleteEnabled",
  canWrite: "writeEnabled",
  canRead: "readEnabled",
  canList: "listEnabled",
} as const satisfies Record<keyof ChangeableProperties, string>;

/** The body of an update. */
export function toChangeableAttributes(properties: UpdatableProperties): Record<string, boolean> {
  const attributes: Record<string, boolean> = {};
  for (const [name, wireName] of Object.entries(WIRE_NAMES)) {
    const value = properties[name as keyof ChangeableProperties];
    if (value !== undefined) attributes[wireName] = value;
  }
  return attributes;
}

export function fromChangeableAttributes(attributes: JsonObject | undefined): ChangeableProperties {
  const read = (name: string) => member(attributes ?? {}, name) !== false;
  return {
    canDelete: read(WIRE_NAMES.canDelete),
    canWrite: read(WIRE_NAMES.canWrite),
    canRead: read(WIRE_NAMES.canRead),
    canList: read(WIRE_NAMES.canList),
  };
}
