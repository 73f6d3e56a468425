import { type Descriptor, type Digest, InvalidInputError, parseRepositoryName } from "@acrkit/oci";
import type { RegistryContext } from "../protocol/context.ts";
import { restoreRepository } from "../protocol/deleted.ts";
import { putTag } from "../protocol/manifest-put.ts";
import { describeManifest } from "../protocol/manifest-record.ts";
import { touchRepository } from "../protocol/repository.ts";
import type { Store, UploadSession } from "../storage/store.ts";
import { findGraph, type LayoutGraph } from "./layout-graph.ts";
import { type LayoutReader, readLayout } from "./read-layout.ts";

/** What is imported, and where to. */
export interface ImportLayoutOptions {
  readonly repository: string;
  /** Names, tags or digests of entries of the layout's `index.json`. @default all of them */
  readonly references?: readonly string[];
}

/** What an import has brought. */
export interface ImportedLayout {
  /** The tags that were set, with their manifests. */
  readonly tags: Readonly<Record<string, Digest>>;
  readonly manifestCount: number;
  readonly blobCount: number;
  /** Bytes of these manifests and blobs, whether or not the registry had them already. */
  readonly sizeInBytes: number;
}

type Target = Pick<RegistryContext, "store" | "clock">;

/**
 * Brings an OCI image layout, as skopeo, umoci, oras and docker write it, into a repository: manifests, their blobs, and
 * what is attached to them. An entry's name becomes its tag; an entry without one is there by its digest.
 *
 * Everything is verified before anything shows: a broken layout changes nothing. Blobs are streamed.
 *
 * @throws {InvalidLayoutError} a file is missing, or is not what its descriptor says
 * @throws {InvalidInputError} no repository name, no such entry, a locked repository or tag
 * @throws {QuotaExceededError} the registry may not hold so much; `DiskFullError` when the disk cannot
 * @see OCI image-spec v1.1.1, image-layout.md
 */
export async function importLayout(
  target: Target,
  folder: string,
  { repository, references }: ImportLayoutOptions,
): Promise<ImportedLayout> {
  const { store } = target;
  parseRepositoryName(repository);
  const layout = await readLayout(folder);
  const graph = await findGraph(layout, references);
  assertUnlocked(store, repository, graph);
  const missing = graph.blobs.filter(({ digest }) => store.blobs.sizeAnywhere(digest) === undefined);
  store.assertRoom(sizeOf(missing));
  await importBlobs(store, repository, layout, graph.blobs);
  await importManifests(target, repository, layout, graph);
  await store.sync();
  return {
    tags: Object.fromEntries(graph.tags),
    manifestCount: graph.manifests.length,
    blobCount: graph.blobs.length,
    sizeInBytes: sizeOf(graph.blobs) + sizeOf(graph.manifests),
  };
}

/** Whoever imports is to notice a lock as whoever pushes is. */
function assertUnlocked(store: Store, repository: string, { tags }: LayoutGraph): void {
  if (store.repositories.get(repository)?.attributes.writeEnabled === false) {
    throw new InvalidInputError("repository", repository, "it is locked against writing");
  }
  for (const name of tags.keys()) {
    if (store.tags.get(repository, name)?.attributes.writeEnabled === false) {
      throw new InvalidInputError("tag", name, "it is locked against writing");
    }
  }
}

/** As uploads that nobody sees, until the last one has proved to be right. */
async function importBlobs(
  store: Store,
  repository: string,
  layout: LayoutReader,
  blobs: readonly Descriptor[],
): Promise<void> {
  const uploads: { readonly session: UploadSession; readonly digest: Digest }[] = [];
  try {
    for (const blob of blobs) {
      const session = await openUpload(store);
      uploads.push({ session, digest: blob.digest });
      await session.append(layout.blob(blob));
    }
    for (const { session, digest } of uploads) await session.commit(repository, digest);
  } finally {
    for (const { session } of uploads) {
      await session.discard();
      session.release();
    }
  }
}

async function openUpload(store: Store): Promise<UploadSession> {
  const session = await store.uploads.open(await store.uploads.create());
  if (typeof session === "string") throw new Error(`an upload that was just begun is ${session}`);
  return session;
}

/** Members before lists, all manifests before the first tag: nothing ever points to what is not there. */
async function importManifests(
  target: Target,
  repository: string,
  layout: LayoutReader,
  { manifests, tags }: LayoutGraph,
): Promise<void> {
  const { store, clock } = target;
  for (const descriptor of manifests) {
    const { digest } = descriptor;
    const { parsed, content } = await layout.manifest(descriptor);
    const now = clock.timestamp();
    const record = await describeManifest(store, repository, { digest, size: content.byteLength, parsed, now });
    store.transaction(() => {
      restoreRepository(target, repository);
      touchRepository(target, repository);
      store.manifests.put(repository, record, content);
      store.deleted.removeManifest(repository, digest);
    });
  }
  store.transaction(() => {
    for (const [name, digest] of tags) putTag(target, repository, name, digest);
  });
}

function sizeOf(descriptors: readonly Descriptor[]): number {
  return descriptors.reduce((sum, { size }) => sum + size, 0);
}
