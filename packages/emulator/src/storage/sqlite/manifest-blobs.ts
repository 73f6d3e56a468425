import { type Digest, isIndex, isInvalidManifestError, isLimitError, manifestContents } from "@acrkit/oci";
import { readManifest } from "../read-manifest.ts";

/** The blobs a manifest refers to: its config and layers. Of a list none: its members are manifests. */
export function blobsOf(content: Uint8Array, mediaType?: string): readonly Digest[] {
  try {
    const { manifest } = readManifest(content, mediaType);
    return isIndex(manifest) ? [] : manifestContents(manifest).map(({ digest }) => digest);
  } catch (error) {
    // Seeded by a test, perhaps: the store takes any bytes.
    if (isInvalidManifestError(error) || isLimitError(error)) return [];
    throw error;
  }
}
