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

/** What the registry notes about a manifest at its push (3.8). A manifest pushed again keeps its times and locks. */
export async function describeManifest(
  store: Store,
  repository: string,
  pushed: { readonly digest: Digest; readonly size: number; readonly parsed: ParsedManifest; readonly now: string },
): Promise<ManifestRecord> {
  const { digest, size, parsed, now } = pushed;
  const { manifest } = parsed;
  const config = isImageManifest(manifest) ? manifest.config : undefined;
  const platform = config === undefined ? {} : await platformOf(store, repository, config);
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
  const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
  if (isImageManifest(manifest)) return sum(manifest.layers.map(({ size }) => size));
  if (isIndex(manifest)) {
    return sum(manifest.manifests.map(({ digest }) => store.manifests.get(repository, digest)?.imageSize ?? 0));
  }
  return sum(manifestContents(manifest).map(({ size }) => size));
}

/** Other configs may be anything: only these are read. */
const IMAGE_CONFIGS: readonly string[] = [MediaType.ociConfig, MediaType.dockerConfig];

async function platformOf(
  store: Store,
  repository: string,
  config: Descriptor,
): Promise<Pick<ManifestRecord, "architecture" | "os">> {
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
