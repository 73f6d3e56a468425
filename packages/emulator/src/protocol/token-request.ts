import { collectBytes, isInvalidInputError, isLimitError, parseScopes, type Scope } from "@acrkit/oci";
import type { EmulatorRequest } from "./message.ts";

/**
 * Tokens have a few kilobytes, some tens with many groups in them. Anyone may send a form, and `URLSearchParams` takes
 * quadratic time over one that is all separators: 2 s for a MiB, 40 ms for this.
 */
const MAX_FORM_BYTES = 128 * 1024;

/** A token for more scopes than this would be longer than any server takes a header; acr-cli asks for some dozens. */
const MAX_SCOPE_CHARACTERS = 32_768;

/** The parameters of a token request: the form of a POST, else the query; undefined when they cannot be read. */
export async function readTokenRequest(request: EmulatorRequest): Promise<URLSearchParams | undefined> {
  if (request.method === "GET") return request.query;
  try {
    const body = await collectBytes(request.body, MAX_FORM_BYTES, "form");
    return new URLSearchParams(new TextDecoder().decode(body));
  } catch (error) {
    if (isLimitError(error)) return undefined;
    throw error;
  }
}

/** 2.2: several scopes, separated by spaces or as the parameter repeated; undefined when one cannot be read. */
export function readScopes(parameters: URLSearchParams): readonly Scope[] | undefined {
  const texts = parameters.getAll("scope");
  if (texts.join(" ").length > MAX_SCOPE_CHARACTERS) return undefined;
  try {
    return texts.flatMap(parseScopes);
  } catch (error) {
    if (isInvalidInputError(error)) return undefined;
    throw error;
  }
}
