import { collectBytes, isLimitError } from "@acrkit/oci";
import type { RegistryFailure } from "./failure.ts";
import type { EmulatorRequest } from "./message.ts";

/** Bodies of the metadata API hold a few members, and a scanner's report at most. */
const MAX_BODY_BYTES = 64 * 1024;

/** Reads a JSON body; undefined when it is empty. @throws what `malformed` makes, when it is no JSON or too large */
export async function readJson(request: EmulatorRequest, malformed: () => RegistryFailure): Promise<unknown> {
  try {
    const text = new TextDecoder().decode(await collectBytes(request.body, MAX_BODY_BYTES, "request body"));
    return text.trim() === "" ? undefined : JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError || isLimitError(error)) throw malformed();
    throw error;
  }
}
