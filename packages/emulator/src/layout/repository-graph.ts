import {
  type Descriptor,
  type Digest,
  InvalidInputError,
  isDigest,
  isForeign,
  isIndex,
  manifestContents,
  withRefName,
} from "@acrkit/oci";
import { readManifest } from "../storage/read-manifest.ts";
import { EVERY, type ManifestRecord } from "../storage/records.ts";
import type { Store } from "../storage/store.ts";

/** What of a repository goes into a layout. */
export interface RepositoryExport {
  /** Of `index.json`. */
  readonly entries: readonly Descriptor[];
  readonly manifests: readonly Descriptor[];
  readonly blobs: readonly Descriptor[];
}

/**
 * Finds the manifests and blobs behind the references, or of the whole repository, in one turn of the event loop, so that it
 * is one state of the repository.
 *
 * @throws {InvalidInputError} the repository or a reference is not there; an index has a member that the repository has not
 */
export function findExport(
  store: Store,
  repository: string,
  references: readonly string[] | undefined,
): RepositoryExport {
  if (store.repositories.get(repository) === undefined) {
    throw new InvalidInputError("repository", repository, "the registry has none of this name");
  }
  const tags =
    references === undefined
      ? store.tags.list(repository, { limit: EVERY })
      : references.filter((one) => !isDigest(one)).map((name) => tagOf(store, repository, name));
  const named =
    references === undefined
      ? store.manifests.list(repository, { limit: EVERY }).map(({ digest }) => digest)
      : references.filter((one) => isDigest(one));
  const manifests = new Map<Digest, Descriptor>();
  const blobs = new Map<Digest, Descriptor>();
  const members = new Set<Digest>();
  const loose = new Set<Digest>(named);
  const visit = (digest: Digest): void => {
    if (manifests.has(digest)) return;
    const record = store.manifests.get(repository, digest);
    const content = store.manifests.content(repository, digest);
    if (record === undefined || content === undefined) {
      throw new InvalidInputError(
        "reference",
        digest,
        `an index, or the export, asks for it, but ${repository} has no such manifest`,
      );
    }
    manifests.set(digest, descriptorOf(record));
    const { manifest } = readManifest(content, record.mediaType);
    for (const part of manifestContents(manifest)) {
      const size = store.blobs.size(repository, part.digest);
      if (isIndex(manifest)) {
        members.add(part.digest);
        visit(part.digest);
      } else if (size !== undefined) {
        // Whoever pushed the manifest may have left the size out, or given another.
        blobs.set(part.digest, { ...part, size });
      } else if (!isForeign(part)) {
        throw new InvalidInputError("reference", digest, `${repository} does not have its blob ${part.digest}`);
      }
    }
    for (const referrer of store.manifests.referrers(repository, digest)) {
      loose.add(referrer.digest);
      visit(referrer.digest);
    }
  };
  for (const { digest } of tags) visit(digest);
  for (const digest of named) visit(digest);
  const asked = new Set(references);
  const isFound = new Set([...tags.map(({ digest }) => digest), ...members]);
  const entry = (digest: Digest) => manifests.get(digest) as Descriptor;
  return {
    entries: [
      ...tags.map(({ name, digest }) => withRefName(entry(digest), name)),
      ...[...loose].filter((digest) => asked.has(digest) || !isFound.has(digest)).map(entry),
    ],
    manifests: [...manifests.values()],
    blobs: [...blobs.values()],
  };
}

function tagOf(store: Store, repository: string, name: string) {
  const tag = store.tags.get(repository, name);
  if (tag === undefined) throw new InvalidInputError("reference", name, `${repository} has no such tag`);
  return tag;
}

function descriptorOf({ mediaType, digest, size, artifactType }: ManifestRecord): Descriptor {
  return { mediaType, digest, size, ...(artifactType === undefined ? {} : { artifactType }) };
}
