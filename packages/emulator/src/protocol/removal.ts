import { EVERY, type ManifestRecord, type RepositorySummary, type TagRecord } from "../storage/records.ts";
import type { Call } from "./call.ts";

/*
 * Taking things out of a repository. With soft delete (3.10) they are kept aside for a while; without it they are gone.
 * The caller has looked at the locks, and wraps everything in one transaction.
 */

/** Takes a tag off its manifest. */
export function removeTag({ store, clock, softDeleteDays }: Call, repository: string, tag: TagRecord): void {
  store.tags.delete(repository, tag.name);
  if (softDeleteDays === undefined) return;
  const { name, digest, createdTime } = tag;
  store.deleted.putTag(repository, { name, digest, createdTime, deletedAt: clock.timestamp() });
}

/** Removes a manifest and the tags that stand on it. Its blobs stay: other manifests may refer to them. */
export function removeManifest(call: Call, repository: string, manifest: ManifestRecord): void {
  const { store, clock, softDeleteDays } = call;
  for (const tag of store.tags.list(repository, { digest: manifest.digest, limit: EVERY })) {
    removeTag(call, repository, tag);
  }
  const content = softDeleteDays === undefined ? undefined : store.manifests.content(repository, manifest.digest);
  store.manifests.delete(repository, manifest.digest);
  if (content === undefined) return;
  store.deleted.putManifest(repository, { record: manifest, content, deletedAt: clock.timestamp() });
}

/** Removes a repository with all that is in it. */
export function removeRepository(call: Call, { name, createdTime }: RepositorySummary): void {
  const { store, clock, softDeleteDays } = call;
  if (softDeleteDays === undefined) {
    store.repositories.delete(name);
    return;
  }
  for (const manifest of store.manifests.list(name, { limit: EVERY })) removeManifest(call, name, manifest);
  store.deleted.putRepository({ name, createdTime, deletedAt: clock.timestamp() });
  // What can be restored needs its blobs.
  store.repositories.delete(name, { keepBlobs: true });
}
