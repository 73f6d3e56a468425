import { type Digest, InvalidInputError, parseDigest, parseRepositoryName } from "@acrkit/oci";
import type { OperationOptions } from "@azure/core-client";
import { RegistryError } from "../../errors/registry-error.ts";
import { logger } from "../../logger.ts";
import { findBlob } from "../../registry/blobs.ts";
import type { RegistryConnection } from "../../registry/connection.ts";
import type { TransferBudget } from "../budget.ts";
import { type TransferTimeoutOptions, withDeadline } from "../deadline.ts";
import { type OnProgress, ProgressMeter } from "../progress.ts";
import { type BlobContent, type OpenableContent, toOpenable } from "./content.ts";
import { openJournalEntry } from "./journal.ts";
import { UploadSession } from "./session.ts";
import { heldBytes, planBody } from "./strategy.ts";
import { METHOD, readError } from "./upload-errors.ts";
import { type UploadParts, UploadRun } from "./upload-run.ts";

export interface UploadBlobOptions extends OperationOptions, TransferTimeoutOptions {
  /**
   * What the content must be. When the repository has it already, nothing is sent; when the content turns out to be
   * something else, nothing is committed.
   */
  readonly digest?: string;
  /**
   * Another repository of the same registry that may have the blob: it is linked from there, without sending it, where that
   * is possible. Needs `digest`.
   */
  readonly mountFrom?: string;
  /**
   * Sends the content in chunks of so many bytes, held in memory, instead of in one stream: for a gateway that refuses large
   * requests, or a registry that needs it. 16 MiB at the most; smaller when the registry finds them too large, larger when it
   * asks for that (`OCI-Chunk-Min-Length`).
   */
  readonly chunkSizeInBytes?: number;
  /**
   * A folder in which to note how far the upload has come, made when it is missing. When the process is killed, another one
   * that uploads the same content with the same folder goes on from there, if the registry still knows the upload (ACR and
   * docker-registry forget one whose connection broke, others do not); else it starts over. What was sent is read and hashed
   * again, not sent. Needs content that can be recognised: `{ path }`, bytes, text, or any with its `digest`.
   */
  readonly journal?: string;
  readonly onProgress?: OnProgress;
}

export interface UploadBlobResult {
  readonly digest: Digest;
  readonly sizeInBytes: number;
}

/** @see ContainerRegistryClient.uploadBlob */
export async function uploadBlob(
  connection: RegistryConnection,
  budget: TransferBudget,
  repository: string,
  content: BlobContent,
  options: UploadBlobOptions,
): Promise<UploadBlobResult> {
  const wanted = checked(connection, repository, options);
  const openable = await makeOpenable(content, repository);
  const meter = new ProgressMeter(options.onProgress, openable.sizeInBytes);
  const transfer = { operation: METHOD, registry: connection.endpoint.host, repository };
  let run: UploadRun | undefined;
  try {
    return await withDeadline(options, transfer, meter, (abortSignal) => {
      const need = { direction: "upload", heldBytes: heldBytes(firstPlan(wanted), openable), abortSignal } as const;
      return budget.run(need, async () => {
        meter.started();
        const upload = { ...wanted, options: { ...options, abortSignal }, content: openable, meter, abortSignal };
        const found = await findFirst(upload);
        if ("digest" in found) return found;
        run = new UploadRun({ ...upload, ...found });
        return await run.run();
      });
    });
  } finally {
    // Whoever reads it closes it.
    if (run === undefined) openable.discard();
  }
}

interface CheckedUpload {
  readonly connection: RegistryConnection;
  readonly repository: string;
  readonly expected: Digest | undefined;
  readonly mountFrom: string | undefined;
  readonly chunkSizeInBytes: number | undefined;
  readonly options: UploadBlobOptions;
}

function checked(connection: RegistryConnection, repository: string, options: UploadBlobOptions): CheckedUpload {
  const { chunkSizeInBytes, digest, mountFrom } = options;
  if (chunkSizeInBytes !== undefined && !(Number.isSafeInteger(chunkSizeInBytes) && chunkSizeInBytes > 0)) {
    throw new InvalidInputError("chunkSizeInBytes", chunkSizeInBytes, "expected a whole number of bytes");
  }
  if (mountFrom !== undefined && digest === undefined) {
    throw new InvalidInputError("mountFrom", mountFrom, "a blob is mounted by its digest: say that as well");
  }
  return {
    connection,
    repository,
    expected: digest === undefined ? undefined : parseDigest(digest),
    mountFrom: mountFrom === undefined ? undefined : parseRepositoryName(mountFrom),
    chunkSizeInBytes,
    options,
  };
}

function firstPlan({ connection, chunkSizeInBytes }: CheckedUpload) {
  return planBody({ limits: connection.bodyLimits, chunkSizeInBytes, streamFailed: false, minChunkBytes: 0 });
}

/** A file that is not there fails before anything is sent, but in the same words as one that fails later. */
async function makeOpenable(content: BlobContent, repository: string): Promise<OpenableContent> {
  try {
    return await toOpenable(content);
  } catch (error) {
    throw readError(error, repository, 0);
  }
}

interface StartedUpload extends CheckedUpload {
  readonly content: OpenableContent;
  readonly meter: ProgressMeter;
}

/** What is there before anything is sent: the blob itself, in one way or the other, or what an upload begins with. */
async function findFirst(upload: StartedUpload): Promise<UploadBlobResult | Pick<UploadParts, "session" | "journal">> {
  const { connection, repository, expected, content, meter, options } = upload;
  if (expected !== undefined) {
    const found = await findBlob(connection, repository, expected, options, METHOD);
    const sizeInBytes = found?.sizeInBytes ?? content.sizeInBytes;
    // Where nobody knows how large it is, it is sent: a made-up size would end up in a manifest.
    if (found !== undefined && sizeInBytes !== undefined) return finished(meter, "skipped", expected, sizeInBytes);
  }
  const journal =
    options.journal === undefined
      ? undefined
      : await openJournalEntry(connection, repository, options.journal, content, expected);
  // An upload that has come some way is not begun anew for a mount.
  if (journal?.left !== undefined) return { session: undefined, journal };
  try {
    const mounted = await mount(upload);
    if (mounted === undefined || mounted instanceof UploadSession) return { session: mounted, journal };
    await journal?.remove();
    return mounted;
  } catch (error) {
    await journal?.remove();
    throw error;
  }
}

/** Mounts the blob, or gives the session that the registry opened instead; undefined when there is nothing to mount from. */
async function mount(upload: StartedUpload): Promise<UploadBlobResult | UploadSession | undefined> {
  const { connection, repository, expected, mountFrom: from, content, meter, options } = upload;
  if (expected === undefined || from === undefined || from === repository) return undefined;
  try {
    const session = await UploadSession.start(connection, repository, METHOD, options, { digest: expected, from });
    if (session !== undefined) return session;
  } catch (error) {
    // Whoever may not read the other repository can still upload; what else is wrong will show there.
    const { statusCode = 0 } = error as RegistryError;
    if (!(error instanceof RegistryError) || statusCode < 400 || statusCode >= 500 || statusCode === 429) throw error;
    logger.info(`${expected} could not be mounted from ${from}, it is uploaded: ${error.message}`);
    return undefined;
  }
  const sizeInBytes =
    content.sizeInBytes ?? (await findBlob(connection, repository, expected, options, METHOD))?.sizeInBytes;
  // As above: it is there, but a size would have to be made up.
  return sizeInBytes === undefined ? undefined : finished(meter, "mounted", expected, sizeInBytes);
}

function finished(
  meter: ProgressMeter,
  kind: "skipped" | "mounted",
  digest: Digest,
  sizeInBytes: number,
): UploadBlobResult {
  meter.done(kind, sizeInBytes);
  return { digest, sizeInBytes };
}
