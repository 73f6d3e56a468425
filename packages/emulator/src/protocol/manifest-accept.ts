import { bareMediaType, MediaType } from "@acrkit/oci";
import type { ManifestRecord } from "../storage/records.ts";
import { failure } from "./failure.ts";
import { unacceptableDockerList } from "./unseen.ts";

/** OCI's types must be named; the answers for those that are not (4.2). */
const MUST_BE_NAMED: Readonly<Record<string, string>> = {
  [MediaType.ociManifest]: "OCI manifest found, but accept header does not support OCI manifests",
  [MediaType.ociIndex]: "OCI index found, but accept header does not support OCI indexes",
  [MediaType.ociArtifact]: "OCI artifact found, but accept header does not support OCI artifacts",
  [MediaType.orasArtifact]: "OCI artifact found, but accept header does not support OCI artifacts",
};

/**
 * Checks that the client reads what is stored (4.2). Wildcards do not count: like distribution, the service looks for
 * the types by name, which is why `curl` without an Accept of its own sees a 404.
 *
 * A Docker manifest goes out as it is, where the service once converted it to schema 1 when asked by tag.
 */
export function assertAcceptable(manifest: ManifestRecord, accept: string | undefined, tag: string | undefined): void {
  const named = new Set((accept ?? "").split(",").map(bareMediaType));
  if (named.has(manifest.mediaType)) return;
  const message = MUST_BE_NAMED[manifest.mediaType];
  if (message !== undefined) throw failure("MANIFEST_UNKNOWN", { message });
  if (manifest.mediaType === MediaType.dockerManifestList && tag !== undefined) throw unacceptableDockerList(tag);
}
