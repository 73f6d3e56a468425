import type { ByteSource } from "@acrkit/oci";
import type { RequestBodyType } from "@azure/core-rest-pipeline";

/** A file's bytes, which can be read again and again. */
export interface FileContent {
  readonly sizeInBytes: number;
  open(): ByteSource;
}

/** A request's body while it is sent. `close` ends it early: the answer came first, or the request failed. */
export interface StreamingBody {
  readonly body: RequestBodyType;
  close(): void;
}

/** What differs between Node (Bun, Deno) and browsers. */
export interface Runtime {
  /** Undefined where a request's body cannot be streamed: it is then sent in pieces held in memory. */
  readonly streamBody: ((source: ByteSource) => StreamingBody) | undefined;
  /** @throws {UnsupportedError} there are no files here */
  openFile(path: string): Promise<FileContent>;
  /** Writes a file whose name appears only once `source` has ended without an error. */
  writeFile(path: string, source: ByteSource): Promise<void>;
}
