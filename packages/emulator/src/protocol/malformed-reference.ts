import { isRepositoryName, OPERATIONS, type OperationMatch } from "@acrkit/oci";
import type { EmulatorRequest } from "./message.ts";

/**
 * A push by something that has the look of a digest but is none, `sha256:abc`. Such a path matches no operation; the OCI
 * conformance suite wants the error of a wrong digest all the same.
 */
export function malformedPush({ method, path }: EmulatorRequest): OperationMatch | undefined {
  if (method !== "PUT") return undefined;
  const [, rawName = ""] = /^\/v2\/(.+)\/manifests\/[^/]*(?::|%3a)[^/]*$/i.exec(path) ?? [];
  const name = rawName.replace(/%2f/gi, "/");
  return isRepositoryName(name) ? { operation: OPERATIONS.putManifest, parameters: { name } } : undefined;
}
