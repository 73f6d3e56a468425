import type { ErrorCode } from "@acrkit/oci";
import { RegistryError, TransportError } from "../../errors/registry-error.ts";

/**
 * What a failed PATCH or PUT of an upload tells:
 * - `uncertain`: the connection broke, or the registry has trouble; how much of the body has arrived, only it knows
 * - `lost`: the registry does not know the session (any more)
 * - `misplaced`: the body did not belong where the registry stands, or was not to its liking
 * - `too-large`: the body was
 * - `refused`: the token was, before anything of the body was looked at
 */
export type Setback = "uncertain" | "lost" | "misplaced" | "too-large" | "refused";

/** Undefined for what would only happen again. */
export function setbackOf(error: unknown): Setback | undefined {
  if (error instanceof TransportError) return "uncertain";
  if (!(error instanceof RegistryError)) return undefined;
  const { statusCode = 0 } = error;
  if (statusCode === 401) return "refused";
  // 411: a gateway that wants to know the length, which chunks have.
  if (statusCode === 413 || statusCode === 411 || has(error, "SIZE_INVALID")) return "too-large";
  if (statusCode === 416) return "misplaced";
  if (has(error, "BLOB_UPLOAD_UNKNOWN") || has(error, "BLOB_UPLOAD_INVALID")) return "lost";
  if (statusCode === 404 && error.errors.length === 0) return "lost";
  if (statusCode === 408 || statusCode === 429 || statusCode >= 500) return "uncertain";
  return undefined;
}

function has(error: RegistryError, code: ErrorCode): boolean {
  return error.errors.some((entry) => entry.code === code);
}
