import { type ParsedManifest, parseManifest } from "@acrkit/oci";

/**
 * Reads a manifest as a registry does that is written in Go: a descriptor without a size is one of size 0. Microsoft's
 * own Python sample pushes such a manifest (`sizeInBytes` in place of `size`).
 *
 * @throws {InvalidManifestError} it is none, or of another media type
 */
export function readManifest(content: Uint8Array, mediaType?: string): ParsedManifest {
  return parseManifest(content, mediaType, { allowMissingSize: true });
}
