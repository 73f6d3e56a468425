import { type Descriptor, type Digest, InvalidInputError, type ParsedManifest, parseRepositoryName } from "@acrkit/oci";
import type { RegistryContext } from "../protocol/context.ts";
import { restoreRepository } from "../protocol/deleted.ts";
import { missingContents, putTag } from "../protocol/manifest-put.ts";
import { type Platform, readPlatform, recordOf } from "../protocol/manifest-record.ts";
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
 * Everything is verified before anything shows: a broken layout changes nothing. Blobs are streamed; the manifests, and the
 * tags, then appear all at once.
 *
 * @throws {InvalidLayoutError} a file is missing, or is not what its descriptor says
 * @throws {InvalidInputError} no repository name, no such entry, a locked repository or tag
 * @throws {QuotaExceededError} the registry may not hold so much; `DiskFullError` when the disk cannot
 * @throws {Error} something that was brought in has been removed again meanwhile, as by a reset
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
  await importBlobs(store, repository, layout, graph.blobs).catch((error) => {
    throw asRemoved(error);
  });
  const manifests = await readManifests(store, repository, layout, graph.manifests);
  store.transaction(() => putManifests(target, repository, manifests, graph));
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
  if (typeof session === "string") throw new Error(nothingImported(UPLOADED));
  return session;
}

/** What of the layout is written at once. */
interface ReadManifest {
  readonly digest: Digest;
  readonly parsed: ParsedManifest;
  readonly content: Uint8Array;
  readonly platform: Platform;
}

async function readManifests(
  store: Store,
  repository: string,
  layout: LayoutReader,
  descriptors: readonly Descriptor[],
): Promise<readonly ReadManifest[]> {
  const manifests: ReadManifest[] = [];
  for (const descriptor of descriptors) {
    const { parsed, content } = await layout.manifest(descriptor);
    const platform = await readPlatform(store, repository, parsed);
    manifests.push({ digest: descriptor.digest, parsed, content, platform });
  }
  return manifests;
}

/**
 * Members before lists, all manifests before the first tag. Looks again for what they refer to, and for locks: a reset, a
 * deletion or a collection of garbage may have come in between.
 */
function putManifests(
  target: Target,
  repository: string,
  manifests: readonly ReadManifest[],
  graph: LayoutGraph,
): void {
  const { store, clock } = target;
  assertUnlocked(store, repository, graph);
  for (const { digest, parsed, content, platform } of manifests) {
    const missing = missingContents(store, repository, parsed);
    if (missing.length > 0) throw new Error(nothingImported(missing.map((content) => content.digest).join(", ")));
    const pushed = { digest, size: content.byteLength, parsed, now: clock.timestamp() };
    const record = recordOf(store, repository, pushed, platform);
    restoreRepository(target, repository);
    touchRepository(target, repository);
    store.manifests.put(repository, record, content);
    store.deleted.removeManifest(repository, digest);
  }
  for (const [name, digest] of graph.tags) putTag(target, repository, name, digest);
}

/** A reset takes the files of uploads that are under way; those of the layout have an error of their own. */
function asRemoved(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" ? new Error(nothingImported(UPLOADED), { cause: error }) : error;
}

const UPLOADED = "what was being uploaded";

function nothingImported(missing: string): string {
  return `nothing was imported: a reset, a deletion or a collection of garbage has meanwhile removed ${missing}`;
}

function sizeOf(descriptors: readonly Descriptor[]): number {
  return descriptors.reduce((sum, { size }) => sum + size, 0);
}
