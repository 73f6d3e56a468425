import type { Readable } from "node:stream";
import type { ByteSource, Digest } from "@acrkit/oci";
import type { GarbageCollected, GarbageOptions } from "./garbage.ts";
import type { Usage } from "./quota.ts";
import type {
  Attributes,
  ListQuery,
  ManifestRecord,
  RepositoryRecord,
  RepositorySummary,
  TagRecord,
  Timestamp,
} from "./records.ts";

/**
 * Where a registry keeps what it holds: records, and bytes under their digests.
 *
 * It knows nothing of the protocol: no locks, scopes, error codes or page limits. Records are read and written
 * synchronously, since SQLite answers within microseconds; a handler that reads and then writes without awaiting
 * anything in between needs no lock of its own.
 */
export interface Store {
  readonly repositories: RepositoryStore;
  readonly tags: TagStore;
  readonly manifests: ManifestStore;
  readonly deleted: DeletedStore;
  readonly blobs: BlobStore;
  readonly uploads: UploadStore;
  /** Runs `work` so that all of its changes are kept or none; it must not await. */
  transaction<T>(work: () => T): T;
  /**
   * Resolves when everything written so far would survive a power failure; at once in a store that is not durable. Await it
   * before you tell anyone that something is kept: a killed process loses nothing either way.
   */
  sync(): Promise<void>;
  /** How much there is, kept up to date with every change. */
  usage(): Usage;
  /** @throws {QuotaExceededError} so many bytes more would be more than the registry may hold */
  assertRoom(moreBytes: number): void;
  /**
   * Removes blobs that no manifest of their repository refers to (one that was deleted softly does), uploads nobody went on
   * with, and stray files; manifests always stay, tagged or not. It can run while the store is in use.
   */
  collectGarbage(options?: GarbageOptions): Promise<GarbageCollected>;
  /** Removes everything at once. No upload may be held meanwhile. */
  clear(): Promise<void>;
  close(): void;
}

export interface RepositoryStore {
  get(name: string): RepositorySummary | undefined;
  put(record: RepositoryRecord): void;
  /** Removes the repository with its tags, manifests and, unless `keepBlobs`, links to blobs; false when there was none. */
  delete(name: string, options?: { readonly keepBlobs?: boolean }): boolean;
  /** Names in ascending order. */
  list(query: ListQuery): string[];
  /** What is in the repository, by digests and names alone, in ascending order: fast even when it is very much. */
  contents(name: string): { readonly manifests: readonly Digest[]; readonly tags: readonly string[] };
  /** Whether a manifest or tag in the repository has one of these attributes set to false. */
  isAnyDisabled(name: string, attributes: readonly (keyof Attributes)[]): boolean;
}

export interface TagStore {
  get(repository: string, name: string): TagRecord | undefined;
  put(repository: string, record: TagRecord): void;
  delete(repository: string, name: string): boolean;
  list(repository: string, query: ListQuery & { readonly digest?: string | undefined }): TagRecord[];
}

export interface ManifestStore {
  get(repository: string, digest: Digest): ManifestRecord | undefined;
  /** The manifest's bytes, exactly as they were put. */
  content(repository: string, digest: Digest): Uint8Array | undefined;
  /** Without `content` the bytes that are there stay. @throws {QuotaExceededError} a new one would be too much */
  put(repository: string, record: ManifestRecord, content?: Uint8Array): void;
  delete(repository: string, digest: Digest): boolean;
  list(repository: string, query: ListQuery): ManifestRecord[];
  /** The manifests attached to `subject`, by digest; all of them, or a page. */
  referrers(
    repository: string,
    subject: Digest,
    query?: { readonly after?: string | undefined; readonly limit?: number },
  ): ManifestRecord[];
}

/** A repository that was deleted, as long as something in it can be brought back. */
export interface DeletedRepository {
  readonly name: string;
  readonly createdTime: Timestamp;
  readonly deletedAt: Timestamp;
}

export interface DeletedManifest {
  readonly record: ManifestRecord;
  readonly content: Uint8Array;
  readonly deletedAt: Timestamp;
}

/** A name can have been deleted several times, of one manifest or another. */
export interface DeletedTag {
  readonly name: string;
  readonly digest: Digest;
  readonly createdTime: Timestamp;
  readonly deletedAt: Timestamp;
}

/** What has been deleted and can still be brought back. When that ends is for the protocol to say: it calls `purge`. */
export interface DeletedStore {
  putRepository(repository: DeletedRepository): void;
  repository(name: string): DeletedRepository | undefined;
  removeRepository(name: string): void;
  /** By name. */
  repositories(query: { readonly after?: string | undefined; readonly limit: number }): DeletedRepository[];
  putManifest(repository: string, manifest: DeletedManifest): void;
  manifest(repository: string, digest: Digest): DeletedManifest | undefined;
  removeManifest(repository: string, digest: Digest): void;
  /** By digest. */
  manifests(
    repository: string,
    query: { readonly after?: string | undefined; readonly limit: number },
  ): DeletedManifest[];
  putTag(repository: string, tag: DeletedTag): void;
  /** Every time this name was deleted off this manifest. */
  removeTag(repository: string, name: string, digest: Digest): void;
  /** By name, then by the time of deletion; `after` is the last one of the page before. */
  tags(
    repository: string,
    query: { readonly after?: Pick<DeletedTag, "name" | "deletedAt"> | undefined; readonly limit: number },
  ): DeletedTag[];
  /** Removes for good what was deleted until then. */
  purge(before: Timestamp): void;
}

/** A blob's bytes, as a stream or lent. */
export interface BlobContent extends Readable {
  /**
   * Gives the bytes to `use`, part by part and in order, without waiting for it to be done with one before giving it the
   * next. A part is good until the promise ends: then its memory is used for a later one, which saves as much work as
   * everything else a download takes.
   */
  lend(use: (part: Uint8Array) => Promise<void>): Promise<void>;
}

/** Bytes are stored once; a repository has a blob when it is linked to it. */
export interface BlobStore {
  /** The blob's size, or undefined when the repository is not linked to it. */
  size(repository: string, digest: Digest): number | undefined;
  /** The blob's size, whichever repository has it. */
  sizeAnywhere(digest: Digest): number | undefined;
  /** Gives the repository a blob that another one has. */
  link(repository: string, digest: Digest, sizeInBytes: number): void;
  /** Keeps the blob from being garbage for another while: someone was told that it is there, and will build on it. */
  touch(repository: string, digest: Digest): void;
  /** The manifests that refer to the blob, and those that did: some of them may be gone. */
  manifestsWith(repository: string, digest: Digest): Digest[];
  /** Takes the blob from the repository, and soon its bytes when no other repository has it; false when it had none. */
  unlink(repository: string, digest: Digest): boolean;
  /** Reads the bytes from `start` up to and including `end`; to the end although the blob is deleted meanwhile. */
  open(digest: Digest, range?: { readonly start: number; readonly end: number }): BlobContent;
  /** Stores bytes and links them, for seeding. */
  put(repository: string, content: Uint8Array): Promise<Digest>;
}

export interface UploadStore {
  /** Creates an empty upload and gives its id. */
  create(): Promise<string>;
  /** Takes hold of an upload, so that nobody else writes to it until `release`. */
  open(uuid: string): Promise<UploadSession | "busy" | "unknown">;
  /** Bytes that are kept of an upload, whoever holds it; undefined when there is none. */
  size(uuid: string): Promise<number | undefined>;
}

/** An upload one request has taken hold of. Always `release` it. */
export interface UploadSession {
  /** Bytes that have arrived, over all requests. */
  readonly sizeInBytes: number;
  /**
   * Adds bytes at the end. When `source` fails, what came before stays. When there is no room for the bytes, the upload is
   * thrown away.
   *
   * @throws {DiskFullError} nothing more can be written
   * @throws {QuotaExceededError} the registry may not hold so much
   */
  append(source: ByteSource): Promise<void>;
  /**
   * Turns the upload into a blob of `repository`; false, and nothing changed, when the bytes have another digest.
   *
   * @throws {DiskFullError} as `append`, as is `QuotaExceededError`
   */
  commit(repository: string, digest: Digest): Promise<boolean>;
  /** Throws the upload away. */
  discard(): Promise<void>;
  release(): void;
}
