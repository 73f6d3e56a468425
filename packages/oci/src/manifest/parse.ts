import { asDescriptor } from "../descriptor.ts";
import { InvalidManifestError, LimitError, shorten } from "../errors.ts";
import { MAX_MANIFEST_BYTES } from "../limits.ts";
import { bareMediaType, MANIFEST_MEDIA_TYPES, type ManifestKind, MediaType, manifestKind } from "../media-type.ts";
import { isRecord, type JsonRecord, memberOf, optionalMember, optionalString, stringMap } from "../members.ts";
import type { ParsedManifest } from "./manifest.ts";

/** How strictly a manifest is read. */
export interface ParseManifestOptions {
  /**
   * Take a descriptor without `size` for one of size 0, as registries that are written in Go do: Microsoft's own Python
   * sample pushes such a manifest. Who downloads by it needs the size. @default false
   */
  readonly allowMissingSize?: boolean;
}

/**
 * Parses a manifest's bytes and checks its shape; unknown members are kept.
 *
 * The media type is the one given (an answer's `Content-Type`), else the manifest's own `mediaType`, else it is told by
 * shape: `layers` is an OCI image, `manifests` an OCI index. A manifest that names another type than the one given is
 * refused, as the OCI image-spec asks, since a reader could be led to see other content under the same digest.
 *
 * @throws {InvalidManifestError} not JSON, not this kind of manifest, or of another type than it says
 * @throws {LimitError} larger than 4 MiB, which also bounds how many descriptors it can hold
 * @see OCI image-spec v1.1.1, manifest.md and image-index.md; distribution-spec v1.1.1, "Pushing manifests" (4 MiB)
 * @example
 * ```ts
 * import { digestOf, parseManifest } from "@acrkit/oci";
 * const config = { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf(new TextEncoder().encode("{}")), size: 2 };
 * const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, config, layers: [] }));
 * const { kind, manifest } = parseManifest(bytes); // kind is "image"
 * ```
 */
export function parseManifest(
  content: Uint8Array,
  contentType?: string,
  options: ParseManifestOptions = {},
): ParsedManifest {
  if (content.byteLength > MAX_MANIFEST_BYTES) {
    throw new LimitError(
      `manifest has ${content.byteLength} bytes; registries and this library take at most ${MAX_MANIFEST_BYTES}`,
      { limit: MAX_MANIFEST_BYTES, seen: content.byteLength },
    );
  }
  const value = parseJsonObject(content);
  const mediaType = resolveMediaType(value, contentType);
  const kind = manifestKind(mediaType);
  if (kind === undefined) {
    throw new InvalidManifestError(`this media type is not among ${MANIFEST_MEDIA_TYPES.join(", ")}`, mediaType);
  }
  assertShape(value, kind, mediaType, options);
  // The one place where checked JSON becomes typed: kind and mediaType were paired by manifestKind above.
  return { kind, mediaType, manifest: value } as unknown as ParsedManifest;
}

/** `fatal`: bytes that are not UTF-8 would otherwise change silently. */
const utf8 = new TextDecoder("utf-8", { fatal: true });

function parseJsonObject(content: Uint8Array): JsonRecord {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(content));
  } catch {
    throw new InvalidManifestError("it is not JSON");
  }
  if (!isRecord(value)) throw new InvalidManifestError("it is JSON, but not an object");
  return value;
}

function resolveMediaType(value: JsonRecord, contentType: string | undefined): string {
  const own = optionalString(value, "mediaType", "");
  const given = contentType === undefined ? undefined : bareMediaType(contentType);
  if (own !== undefined && given !== undefined && own !== given) {
    throw new InvalidManifestError(`it names itself ${shorten(own)}`, given);
  }
  return given ?? own ?? mediaTypeByShape(value);
}

function mediaTypeByShape(value: JsonRecord): string {
  if (optionalMember(value, "layers") !== undefined) return MediaType.ociManifest;
  if (optionalMember(value, "manifests") !== undefined) return MediaType.ociIndex;
  throw new InvalidManifestError("it has no mediaType, and neither layers nor manifests to tell it by");
}

function assertShape(value: JsonRecord, kind: ManifestKind, mediaType: string, options: ParseManifestOptions): void {
  const assertDescriptor = (descriptor: unknown, path: string) => checkDescriptor(descriptor, path, options);
  const assertDescriptors = (list: unknown, path: string) => {
    if (!Array.isArray(list)) throw new InvalidManifestError(`${path} is not a list`);
    for (const [index, entry] of list.entries()) assertDescriptor(entry, `${path}[${index}]`);
  };
  try {
    // schemaVersion "MUST be 2"; artifact manifests had none.
    if (kind !== "artifact" && memberOf(value, "schemaVersion", "") !== 2) {
      throw new InvalidManifestError("schemaVersion is not 2");
    }
    if (kind === "image") {
      refuseMember(value, "manifests");
      assertDescriptor(memberOf(value, "config", ""), "config");
      assertDescriptors(memberOf(value, "layers", ""), "layers");
    } else if (kind === "index") {
      refuseMember(value, "layers");
      refuseMember(value, "config");
      assertDescriptors(memberOf(value, "manifests", ""), "manifests");
    } else {
      refuseMember(value, "layers");
      refuseMember(value, "manifests");
      assertDescriptors(optionalMember(value, "blobs") ?? [], "blobs");
    }
    const subject = optionalMember(value, "subject") ?? undefined;
    if (subject !== undefined) assertDescriptor(subject, "subject");
    optionalString(value, "artifactType", "");
    stringMap(value, "annotations", "");
    dropNulls(value, ["annotations", "blobs", "subject"]);
  } catch (error) {
    if (error instanceof InvalidManifestError) throw new InvalidManifestError(error.reason, mediaType);
    throw error;
  }
}

/** CVE-2021-41190: one document that is an image to one reader and an index to another must be refused. */
function refuseMember(value: JsonRecord, name: string): void {
  if (optionalMember(value, name) !== undefined) {
    throw new InvalidManifestError(`it has ${name} beside what its type calls for, so it could be read in two ways`);
  }
}

function checkDescriptor(value: unknown, path: string, { allowMissingSize = false }: ParseManifestOptions): void {
  // The value is ours: just parsed.
  if (allowMissingSize && isRecord(value) && optionalMember(value, "size") === undefined) {
    Object.assign(value, { size: 0 });
  }
  const descriptor = asDescriptor(value, path);
  dropNulls(descriptor, ["annotations", "platform", "urls"]);
}

/** Absent and null mean the same to the tools that write null; the types know only absent. The value is ours: just parsed. */
function dropNulls(value: object, names: readonly string[]): void {
  for (const name of names) {
    if (Reflect.get(value, name) === null) Reflect.deleteProperty(value, name);
  }
}
