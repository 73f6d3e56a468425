import { failure, type RegistryFailure } from "./failure.ts";

/** 4.2: GET of a tag that is not there. */
export function unknownTag(tag: string): RegistryFailure {
  return failure("MANIFEST_UNKNOWN", { message: `manifest tagged by "${tag}" is not found`, detail: { Tag: tag } });
}
