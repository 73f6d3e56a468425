import { asDescriptor, type Descriptor } from "../descriptor.ts";
import { type Digest, digestAlgorithm, digestEncoded } from "../digest.ts";
import { InvalidManifestError, shorten } from "../errors.ts";
import { MediaType } from "../media-type.ts";
import { isRecord, type JsonRecord, optionalMember } from "../members.ts";
import { InvalidLayoutError } from "./invalid-layout.ts";

/*
 * An image layout, OCI image-spec v1.1.1, image-layout.md:
 *
 *   oci-layout                  {"imageLayoutVersion":"1.0.0"}: marks the folder
 *   index.json                  an image index: where to start; annotations name its entries
 *   blobs/<alg>/<encoded>       manifests, configs and layers, under their digest
 */

/** The files of an image layout, as paths relative to it. */
export const LAYOUT_FILES = { marker: "oci-layout", index: "index.json", blobs: "blobs" } as const;

/** The only version there is; it moves when the layout changes, not with every version of the specification. */
const VERSION = "1.0.0";

/** No limit of the specification's: ten thousands of entries fit, and a hostile file does not fill the memory. */
export const MAX_LAYOUT_INDEX_BYTES = 32 * 1024 * 1024;

/** Where content is in a layout: `blobs/sha256/e3b0c4…`, with slashes on every system. */
export function layoutBlobPath(digest: Digest): string {
  // A digest that follows its grammar holds no separator and no dots, so the path cannot leave the layout.
  return `${LAYOUT_FILES.blobs}/${digestAlgorithm(digest)}/${digestEncoded(digest)}`;
}

/** The content of `oci-layout`. */
export function formatLayoutMarker(): string {
  return JSON.stringify({ imageLayoutVersion: VERSION });
}

/**
 * Checks the content of `oci-layout`.
 *
 * @throws {InvalidLayoutError} it is not JSON, or of a version that is not known
 * @see OCI image-spec v1.1.1, image-layout.md, "oci-layout file"
 */
export function parseLayoutMarker(content: Uint8Array): void {
  const version = optionalMember(parseObject(content, LAYOUT_FILES.marker), "imageLayoutVersion");
  if (version === VERSION) return;
  const said = version === undefined ? "imageLayoutVersion is missing" : `version ${shorten(version)} is not known`;
  throw new InvalidLayoutError(LAYOUT_FILES.marker, `${said}; this library reads ${VERSION}`);
}

/** The content of `index.json` for these entries, in their order. */
export function formatLayoutIndex(manifests: readonly Descriptor[]): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests });
}

/**
 * The entries of `index.json`. Entries of media types that nobody knows are among them: a reader "SHOULD NOT generate an
 * error" for those.
 *
 * @throws {InvalidLayoutError} it is not an image index
 * @see OCI image-spec v1.1.1, image-layout.md, "index.json file"
 */
export function parseLayoutIndex(content: Uint8Array): readonly Descriptor[] {
  const file = LAYOUT_FILES.index;
  const index = parseObject(content, file);
  const mediaType = optionalMember(index, "mediaType") ?? MediaType.ociIndex;
  if (optionalMember(index, "schemaVersion") !== 2) throw new InvalidLayoutError(file, "schemaVersion is not 2");
  if (mediaType !== MediaType.ociIndex) {
    throw new InvalidLayoutError(file, `its mediaType is ${shorten(mediaType)}, not that of an image index`);
  }
  // CVE-2021-41190: a document that could be read as an image, too, is refused.
  if (["layers", "config"].some((name) => optionalMember(index, name) !== undefined)) {
    throw new InvalidLayoutError(file, "it has members of an image beside those of an index");
  }
  const manifests = optionalMember(index, "manifests");
  if (!Array.isArray(manifests)) throw new InvalidLayoutError(file, "manifests is not a list");
  return manifests.map((entry, position) => {
    try {
      return asDescriptor(entry, `manifests[${position}]`);
    } catch (error) {
      if (error instanceof InvalidManifestError) throw new InvalidLayoutError(file, error.reason, { cause: error });
      throw error;
    }
  });
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parseObject(content: Uint8Array, file: string): JsonRecord {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(content));
  } catch {
    throw new InvalidLayoutError(file, "it is not JSON");
  }
  if (!isRecord(value)) throw new InvalidLayoutError(file, "it is JSON, but not an object");
  return value;
}
