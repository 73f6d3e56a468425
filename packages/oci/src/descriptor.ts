import { type Digest, isDigest } from "./digest.ts";
import { InvalidManifestError } from "./errors.ts";
import {
  isRecord,
  type JsonRecord,
  memberOf,
  optionalMember,
  optionalString,
  optionalStrings,
  stringMap,
} from "./members.ts";
import type { Platform } from "./platform.ts";

/** Says what some content is, how large, and how to recognise it. @see OCI image-spec v1.1.1, descriptor.md */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly data?: string;
  readonly artifactType?: string;
  readonly platform?: Platform;
}

/**
 * Whether the content is to be fetched from elsewhere, as layers of Windows base images are: registries and layouts need not
 * have it.
 *
 * @see OCI image-spec v1.1.1, descriptor.md, "urls"
 */
export function isForeign({ urls = [] }: Descriptor): boolean {
  return urls.length > 0;
}

/**
 * Checks that a value out of parsed JSON is a descriptor; `path` names it in the error (`layers[2]`).
 *
 * The value itself is returned, unknown members and all.
 *
 * @throws {InvalidManifestError} a member is missing or of the wrong type
 */
export function asDescriptor(value: unknown, path: string): Descriptor {
  if (!isRecord(value)) throw new InvalidManifestError(`${path} is not an object`);
  const mediaType = memberOf(value, "mediaType", path);
  if (typeof mediaType !== "string" || mediaType === "") {
    throw new InvalidManifestError(`${path}.mediaType is not a media type`);
  }
  const digest = memberOf(value, "digest", path);
  if (typeof digest !== "string" || !isDigest(digest)) throw new InvalidManifestError(`${path}.digest is not a digest`);
  const size = memberOf(value, "size", path);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw new InvalidManifestError(`${path}.size is not a number of bytes`);
  }
  optionalString(value, "artifactType", path);
  optionalString(value, "data", path);
  optionalStrings(value, "urls", path);
  stringMap(value, "annotations", path);
  assertPlatform(value, path);
  return value as unknown as Descriptor;
}

/** `architecture` and `os` are required by the spec, but indexes without them are about; what is there must be text. */
function assertPlatform(value: JsonRecord, path: string): void {
  const platform = optionalMember(value, "platform") ?? {};
  if (!isRecord(platform)) throw new InvalidManifestError(`${path}.platform is not an object`);
  for (const name of ["architecture", "os", "os.version", "variant"]) {
    optionalString(platform, name, `${path}.platform`);
  }
  optionalStrings(platform, "os.features", `${path}.platform`);
}
