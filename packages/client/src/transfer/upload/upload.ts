import { type Digest, InvalidInputError, parseDigest } from "@acrkit/oci";
import type { OperationOptions } from "@azure/core-client";
import { delay } from "@azure/core-util";
import { runtime } from "#runtime";
import { RegistryError, TransportError } from "../../errors/registry-error.ts";
import { logger } from "../../logger.ts";
import { toAbortSignal } from "../../pipeline/abort-signal.ts";
import { findBlob } from "../../registry/blobs.ts";
import type { RegistryConnection } from "../../registry/connection.ts";
import type { TransferBudget } from "../budget.ts";
import type { OnProgress } from "../progress.ts";
import { METHOD, readError, UploadAttempt } from "./attempt.ts";
import { type BlobContent, type OpenableContent, toOpenable } from "./content.ts";

export interface UploadBlobOptions extends OperationOptions {
  /**
   * What the content must be. When the repository has it already, nothing is sent; when the content turns out to be
   * something else, nothing is committed.
   */
  readonly digest?: string;
  /** Bytes in one request at the most; 64 MiB when left out. Memory does not depend on it where bodies can be streamed. */
  readonly chunkSizeInBytes?: number;
  readonly onProgress?: OnProgress;
}

export interface UploadBlobResult {
  readonly digest: Digest;
  readonly sizeInBytes: number;
}

/** ACR may cut off very large requests (Azure/azure-sdk-for-net#32059); at this size, the pauses between two do not count. */
const DEFAULT_CHUNK_BYTES = 64 * 1024 * 1024;

/** Where a chunk has to be held in memory: as the incumbent does. */
const IN_MEMORY_CHUNK_BYTES = 4 * 1024 * 1024;

/** ACR forgets an upload whose connection broke; one new beginning is worth it, a second failure is not chance. */
const MAX_RESTARTS = 1;

/** @see ContainerRegistryClient.uploadBlob */
export async function uploadBlob(
  connection: RegistryConnection,
  _budget: TransferBudget,
  repository: string,
  content: BlobContent,
  options: UploadBlobOptions,
): Promise<UploadBlobResult> {
  const chunkBytes =
    options.chunkSizeInBytes ?? (runtime.streamBody === undefined ? IN_MEMORY_CHUNK_BYTES : DEFAULT_CHUNK_BYTES);
  if (!Number.isSafeInteger(chunkBytes) || chunkBytes <= 0) {
    throw new InvalidInputError("chunkSizeInBytes", chunkBytes, "expected a whole number of bytes");
  }
  const expected = options.digest === undefined ? undefined : parseDigest(options.digest);
  const openable = await makeOpenable(content, repository);
  if (expected !== undefined) {
    const found = await findBlob(connection, repository, expected, options, METHOD);
    const sizeInBytes = found?.sizeInBytes ?? openable.sizeInBytes;
    // Where nobody knows how large it is, it is sent: a made-up size would end up in a manifest.
    if (found !== undefined && sizeInBytes !== undefined) {
      openable.discard();
      return { digest: expected, sizeInBytes };
    }
  }
  for (let restarts = 0; ; restarts++) {
    try {
      return await new UploadAttempt({
        connection,
        repository,
        content: openable,
        expected,
        chunkBytes,
        options,
      }).run();
    } catch (error) {
      if (!openable.reopenable || restarts >= MAX_RESTARTS || !isSessionLost(error)) throw error;
      logger.info(`upload to ${repository} starts over: ${(error as Error).message}`);
      await pauseBefore(error, toAbortSignal(options.abortSignal));
    }
  }
}

/** A file that is not there fails before anything is sent, but in the same words as one that fails later. */
async function makeOpenable(content: BlobContent, repository: string): Promise<OpenableContent> {
  try {
    return await toOpenable(content);
  } catch (error) {
    throw readError(error, repository, 0);
  }
}

/** The connection broke, or the registry does not know the session (any more): only a new session helps. */
function isSessionLost(error: unknown): boolean {
  if (error instanceof TransportError) return true;
  if (!(error instanceof RegistryError)) return false;
  // A throttled chunk is as lost as a broken one: it must not be sent twice.
  return (
    error.statusCode === 429 ||
    (error.statusCode ?? 0) >= 500 ||
    error.errors.some(({ code }) => code.startsWith("BLOB_UPLOAD_"))
  );
}

/** How long a registry that is busy, or does not say for how long, is left alone before an upload starts over. */
const RESTART_PAUSE_IN_MS = 1_000;
const LONGEST_RESTART_PAUSE_IN_MS = 60_000;

async function pauseBefore(error: unknown, abortSignal: AbortSignal | undefined): Promise<void> {
  const { statusCode, retryAfterInMs = RESTART_PAUSE_IN_MS } = error as RegistryError;
  if (statusCode !== 429 && statusCode !== 503) return;
  await delay(Math.min(retryAfterInMs, LONGEST_RESTART_PAUSE_IN_MS), abortSignal === undefined ? {} : { abortSignal });
}
