import type { ByteSource } from "@acrkit/oci";
import type { RequestBodyType } from "@azure/core-rest-pipeline";

/** A file's bytes, which can be read again and again. */
export interface FileContent {
  readonly sizeInBytes: number;
  /** What changes when the file does: another process that finds the same has the same bytes. */
  readonly identity: readonly string[];
  /** Reads from byte `from` on; fails when the file is not what it was when it was found. */
  open(from: number): ByteSource;
  /** Says that nobody will look at a piece again that was read here: its memory is read into next. */
  release(piece: Uint8Array): void;
}

/** A folder of small files that outlive the process. */
export interface JournalFolder {
  /** Which process this is, for others to see; opaque. */
  readonly owner: string;
  /** Whether the `owner` of an entry may still be at it; `savedAt`, in milliseconds, is when it last wrote. */
  isAlive(owner: string, savedAt: number): boolean;
  /** Undefined when there is none, or something else than a plain file of an entry's size. */
  read(name: string): Promise<string | undefined>;
  /** Replaces the file as a whole: nobody ever reads half of it. */
  write(name: string, text: string): Promise<void>;
  remove(name: string): Promise<void>;
}

/** A folder of small secrets, for this user's processes alone. */
export interface SecretFolder {
  /** Undefined when there is none, or something else than a plain file of this user's. */
  read(name: string): Promise<string | undefined>;
  /** Replaces the file as a whole, and removes what is too old. */
  write(name: string, text: string): Promise<void>;
  remove(name: string): Promise<void>;
  /**
   * Does `work` while no other process does work of this name, as far as can be: it does not wait for one that takes long or
   * has died, nor fail where it cannot be known.
   */
  inTurn<T>(name: string, abortSignal: AbortSignal, work: () => Promise<T>): Promise<T>;
}

/** A request's body while it is sent. `close` ends it early: the answer came first, or the request failed. */
export interface StreamingBody {
  readonly body: RequestBodyType;
  close(): void;
}

/** Which file is to be written, and how. */
export interface PartFilePlan {
  readonly path: string;
  /** What the content is, such that files of one path and one key can only be meant to hold the same bytes. */
  readonly key: string;
  readonly sizeInBytes: number;
  /** The file is written in segments of this size, each of which is finished once. */
  readonly segmentBytes: number;
}

/**
 * A file that is being written beside the path it is for. Its segments are written in any order. Failures are the system's own
 * errors.
 */
export interface PartFile {
  /** What an earlier process has left; whether it is right, the content's digest must show. */
  readonly finishedSegments: readonly number[];
  write(at: number, bytes: Uint8Array): Promise<void>;
  /** Gives the number of bytes that it got: one at least. */
  read(at: number, into: Uint8Array): Promise<number>;
  /** Notes, for a later process, that all of a segment has been written. */
  finishSegment(index: number): Promise<void>;
  /** Gives the file its name, once everything is on the disk. */
  commit(): Promise<void>;
  /** Leaves nothing behind. Safe to call twice, and after `commit`. */
  discard(): Promise<void>;
}

/** What differs between Node (Bun, Deno) and browsers. */
export interface Runtime {
  /** Undefined where a request's body cannot be streamed: it is then sent in pieces held in memory. */
  readonly streamBody: ((source: ByteSource, onWritten?: (piece: Uint8Array) => void) => StreamingBody) | undefined;
  /** @throws {UnsupportedError} there are no files here */
  openFile(path: string): Promise<FileContent>;
  /**
   * Makes the folder where it is missing, for its owner alone, and removes what nobody came back for.
   *
   * @throws {UnsupportedError} there are no files here
   */
  openJournal(folder: string): Promise<JournalFolder>;
  /**
   * Makes the folder where it is missing, for its owner alone; the user's cache folder when none is named. Fails for one that
   * is not only this user's.
   *
   * @throws {UnsupportedError} there are no files here
   */
  openSecretFolder(folder: string | undefined): Promise<SecretFolder>;
  /**
   * Begins a file that gets its name only once it is whole, or goes on with what a process that crashed has left of it.
   *
   * @throws {UnsupportedError} there are no files here
   */
  openPartFile(plan: PartFilePlan): Promise<PartFile>;
}
