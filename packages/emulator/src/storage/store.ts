import type { Readable } from "node:stream";
import type { ByteSource, Digest } from "@acrkit/oci";
import type { ListQuery, ManifestRecord, RepositoryRecord, RepositorySummary, TagRecord } from "./records.ts";

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
  readonly blobs: BlobStore;
  readonly uploads: UploadStore;
  /** Runs `work` so that all of its changes are kept or none; it must not await. */
  transaction<T>(work: () => T): T;
  close(): void;
}

export interface RepositoryStore {
  get(name: string): RepositorySummary | undefined;
  put(record: RepositoryRecord): void;
  /** Removes the repository with its tags, manifests and links to blobs; false when there was none. */
  delete(name: string): boolean;
  /** Names in ascending order. */
  list(query: ListQuery): string[];
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
  /** Without `content` the bytes that are there stay. */
  put(repository: string, record: ManifestRecord, content?: Uint8Array): void;
  delete(repository: string, digest: Digest): boolean;
  list(repository: string, query: ListQuery): ManifestRecord[];
  /** The manifests attached to `subject`, by digest. */
  referrers(repository: string, subject: Digest): ManifestRecord[];
}

/** Bytes are stored once; a repository has a blob when it is linked to it. */
export interface BlobStore {
  /** The blob's size, or undefined when the repository is not linked to it. */
  size(repository: string, digest: Digest): number | undefined;
  /** The blob's size, whichever repository has it. */
  sizeAnywhere(digest: Digest): number | undefined;
  link(repository: string, digest: Digest, sizeInBytes: number): void;
  /** Takes the blob from the repository, and its bytes when no other repository has it; false when it had none. */
  unlink(repository: string, digest: Digest): boolean;
  /** Reads the bytes from `start` up to and including `end`. */
  open(digest: Digest, range?: { readonly start: number; readonly end: number }): Readable;
  /** Stores bytes and links them, for seeding. */
  put(repository: string, content: Uint8Array): Promise<Digest>;
}

export interface UploadStore {
  /** Creates an empty upload and gives its id. */
  create(): Promise<string>;
  /** Takes hold of an upload, so that nobody else writes to it until `release`. */
  open(uuid: string): Promise<UploadSession | "busy" | "unknown">;
}

/** An upload one request has taken hold of. Always `release` it. */
export interface UploadSession {
  /** Bytes that have arrived, over all requests. */
  readonly sizeInBytes: number;
  /** Adds bytes at the end. When `source` fails, what came before stays. */
  append(source: ByteSource): Promise<void>;
  /** Turns the upload into a blob of `repository`; false, and nothing changed, when the bytes have another digest. */
  commit(repository: string, digest: Digest): Promise<boolean>;
  /** Throws the upload away. */
  discard(): Promise<void>;
  release(): void;
}
