import type { Digest } from "@acrkit/oci";
import { type Attributes, EVERY, type ManifestRecord } from "../storage/records.ts";
import type { Store } from "../storage/store.ts";
import { failure } from "./failure.ts";

/*
 * Chapter 6: what an attribute that is false forbids. All of it is taken from documents and reports, no recording shows
 * it. The levels are independent: a tag's lock keeps that tag, a manifest's the manifest, a repository's all in it.
 */

type Locked = { readonly attributes: Attributes } | undefined;

/** Pushing, overwriting, moving a tag. */
export function assertWritable(...levels: readonly Locked[]): void {
  assertAll(levels, ({ writeEnabled }) => writeEnabled);
}

/** Deleting: `writeEnabled: false` forbids it as well, whatever `deleteEnabled` says. */
export function assertDeletable(...levels: readonly Locked[]): void {
  assertAll(levels, ({ writeEnabled, deleteEnabled }) => writeEnabled && deleteEnabled);
}

/** Pulling. */
export function assertReadable(...levels: readonly Locked[]): void {
  assertAll(levels, ({ readEnabled }) => readEnabled);
}

/** Deleting a manifest takes its tags along, so their locks count too. */
export function assertManifestDeletable(store: Store, repository: string, manifest: ManifestRecord): void {
  assertDeletable(store.repositories.get(repository), manifest);
  // Not as arguments: there may be more of them than a call can have.
  for (const tag of store.tags.list(repository, { digest: manifest.digest, limit: EVERY })) assertDeletable(tag);
}

/**
 * Deleting a blob takes it from every manifest that refers to it, so their locks count; and what is in the bin could not be
 * restored without it. Both are assumed: no source says what the service does.
 */
export function assertBlobDeletable(store: Store, repository: string, blob: Digest): void {
  assertDeletable(store.repositories.get(repository));
  for (const digest of store.blobs.manifestsWith(repository, blob)) {
    const manifest = store.manifests.get(repository, digest);
    if (manifest !== undefined) assertManifestDeletable(store, repository, manifest);
    else if (store.deleted.manifest(repository, digest) !== undefined) throw disallowed();
  }
}

/** Deleting a repository takes everything along. */
export function assertRepositoryDeletable(store: Store, repository: string): void {
  assertDeletable(store.repositories.get(repository));
  if (store.repositories.isAnyDisabled(repository, ["writeEnabled", "deleteEnabled"])) throw disallowed();
}

/** The names of the tags of a manifest. */
export function tagsOf(store: Store, repository: string, digest: Digest): string[] {
  return store.tags.list(repository, { digest, limit: EVERY }).map(({ name }) => name);
}

function assertAll(levels: readonly Locked[], isAllowed: (attributes: Attributes) => boolean): void {
  for (const level of levels) {
    if (level !== undefined && !isAllowed(level.attributes)) throw disallowed();
  }
}

function disallowed() {
  return failure("REGISTRY_DISALLOWED_OPERATION", { detail: {} });
}
