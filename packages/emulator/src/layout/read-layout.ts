import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import {
  collectBytes,
  type Descriptor,
  type Digest,
  InvalidLayoutError,
  isDigestMismatchError,
  isInvalidManifestError,
  isLimitError,
  isVerifiable,
  LAYOUT_FILES,
  layoutBlobPath,
  MAX_LAYOUT_INDEX_BYTES,
  MAX_MANIFEST_BYTES,
  type ParsedManifest,
  parseLayoutIndex,
  parseLayoutMarker,
  parseManifest,
  verifyBytes,
} from "@acrkit/oci";

/** A manifest out of a layout, as its digest promises it. */
export interface LayoutManifest {
  readonly parsed: ParsedManifest;
  readonly content: Uint8Array;
}

/** An OCI image layout in a folder, read with every promise checked. */
export interface LayoutReader {
  /** Of `index.json`, in its order. */
  readonly entries: readonly Descriptor[];
  /** The manifest that `descriptor` describes. @throws {InvalidLayoutError} it is missing, or another */
  manifest(descriptor: Descriptor): Promise<LayoutManifest>;
  /** The bytes that `descriptor` describes; fails while they flow when they are others. @throws {InvalidLayoutError} */
  blob(descriptor: Descriptor): AsyncGenerator<Uint8Array>;
}

/** @throws {InvalidLayoutError} the folder is no layout */
export async function readLayout(folder: string): Promise<LayoutReader> {
  parseLayoutMarker(await readSmall(folder, LAYOUT_FILES.marker, MAX_MANIFEST_BYTES));
  const entries = parseLayoutIndex(await readSmall(folder, LAYOUT_FILES.index, MAX_LAYOUT_INDEX_BYTES));
  const blob = (descriptor: Descriptor) => verified(folder, descriptor);
  return {
    entries,
    blob,
    async manifest(descriptor) {
      const file = layoutBlobPath(descriptor.digest);
      try {
        const content = await collectBytes(blob(descriptor), MAX_MANIFEST_BYTES, "manifest");
        return { content, parsed: parseManifest(content, descriptor.mediaType) };
      } catch (error) {
        if (!isInvalidManifestError(error) && !isLimitError(error)) throw error;
        throw new InvalidLayoutError(file, error.message, { cause: error });
      }
    },
  };
}

async function* verified(folder: string, { digest, size }: Descriptor): AsyncGenerator<Uint8Array> {
  const file = layoutBlobPath(digest);
  assertVerifiable(digest, file);
  const path = join(folder, file);
  try {
    // Before it is opened: a pipe would hold one of the few threads that open files until someone writes to it.
    const found = await stat(path);
    if (!found.isFile()) throw new InvalidLayoutError(file, "it is not a file");
    if (found.size !== size) {
      throw new InvalidLayoutError(file, `its size is ${found.size} bytes, its descriptor's ${size}`);
    }
    yield* verifyBytes(createReadStream(path, { highWaterMark: 1024 * 1024 }), { digest, sizeInBytes: size });
  } catch (error) {
    if (isDigestMismatchError(error)) throw new InvalidLayoutError(file, error.message, { cause: error });
    throw missingFile(error, file);
  }
}

function assertVerifiable(digest: Digest, file: string): void {
  if (!isVerifiable(digest)) throw new InvalidLayoutError(file, "its digest is of an algorithm that cannot be checked");
}

async function readSmall(folder: string, file: string, maxBytes: number): Promise<Uint8Array> {
  const path = join(folder, file);
  try {
    if (!(await stat(path)).isFile()) throw new InvalidLayoutError(file, "it is not a file");
    return await collectBytes(createReadStream(path), maxBytes, file);
  } catch (error) {
    if (isLimitError(error)) throw new InvalidLayoutError(file, error.message, { cause: error });
    throw missingFile(error, file);
  }
}

function missingFile(error: unknown, file: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "ENOENT" && code !== "ENOTDIR" && code !== "EISDIR") return error;
  return new InvalidLayoutError(file, code === "EISDIR" ? "it is not a file" : "it is missing", { cause: error });
}
