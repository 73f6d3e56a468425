import {
  collectBytes,
  type Descriptor,
  type Digest,
  isImageManifest,
  isIndex,
  MAX_MANIFEST_BYTES,
  MediaType,
  manifestContents,
  type ParsedManifest,
} from "@acrkit/oci";
import { type ManifestRecord, OPEN } from "../storage/records.ts";
import type { Store } from "../storage/store.ts";

/** A manifest that is pushed. */
export interface PushedManifest {
  readonly digest: Digest;
  readonly size: number;
  readonly parsed: ParsedManifest;
  readonly now: string;
}

/** What an image's config says it runs on. */
export type Platform = Pick<ManifestRecord, "architecture" | "os">;

/** What the registry notes about a manifest at its push (3.8). */
export async function describeManifest(
  store: Store,
  repository: string,
  pushed: PushedManifest,
): Promise<ManifestRecord> {
  return recordOf(store, repository, pushed, await readPlatform(store, repository, pushed.parsed));
}

/** The same where the platform is known already: at once, by what is stored now. A manifest pushed again keeps its times and locks. */
export function recordOf(
  store: Store,
  repository: string,
  { digest, size, parsed, now }: PushedManifest,
  platform: Platform,
): ManifestRecord {
  const { manifest } = parsed;
  const config = isImageManifest(manifest) ? manifest.config : undefined;
  const known = store.manifests.get(repository, digest);
  return {
    digest,
    mediaType: parsed.mediaType,
    size,
    imageSize: imageSize(store, repository, parsed),
    createdTime: known?.createdTime ?? now,
    lastUpdateTime: known?.lastUpdateTime ?? now,
    attributes: known?.attributes ?? OPEN,
    ...platform,
    configMediaType: config?.mediaType,
    subject: "subject" in manifest ? (manifest.subject?.digest ?? undefined) : undefined,
    artifactType: "artifactType" in manifest ? manifest.artifactType : undefined,
    annotations: "annotations" in manifest ? (manifest.annotations ?? undefined) : undefined,
    quarantineState: known?.quarantineState,
    quarantineDetails: known?.quarantineDetails,
  };
}

/** An image's layers without its config; a list's members together (3.8). */
function imageSize(store: Store, repository: string, { manifest }: ParsedManifest): number {
  // Descriptors may say what they like, and together more than a number can be.
  const sum = (sizes: readonly number[]) =>
    Math.min(
      sizes.reduce((total, size) => total + size, 0),
      Number.MAX_SAFE_INTEGER,
    );
  if (isImageManifest(manifest)) return sum(manifest.layers.map(({ size }) => size));
  if (isIndex(manifest)) {
    return sum(manifest.manifests.map(({ digest }) => store.manifests.get(repository, digest)?.imageSize ?? 0));
  }
  return sum(manifestContents(manifest).map(({ size }) => size));
}

/** Other configs may be anything: only these are read. */
const IMAGE_CONFIGS: readonly string[] = [MediaType.ociConfig, MediaType.dockerConfig];

/** Reads it out of an image's config; of anything else, and of a config that is not there, nothing. */
export async function readPlatform(store: Store, repository: string, { manifest }: ParsedManifest): Promise<Platform> {
  return isImageManifest(manifest) ? platformOf(store, repository, manifest.config) : {};
}

async function platformOf(store: Store, repository: string, config: Descriptor): Promise<Platform> {
  const size = store.blobs.size(repository, config.digest);
  if (!IMAGE_CONFIGS.includes(config.mediaType) || size === undefined || size > MAX_MANIFEST_BYTES) return {};
  try {
    const bytes = await collectBytes(store.blobs.open(config.digest), MAX_MANIFEST_BYTES, "image config");
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return { architecture: textMember(value, "architecture"), os: textMember(value, "os") };
  } catch {
    // A config that cannot be read does not keep the manifest from being stored.
    return {};
  }
}

function textMember(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  const member = (value as Record<string, unknown>)[name];
  return typeof member === "string" && member !== "" ? member : undefined;
}
