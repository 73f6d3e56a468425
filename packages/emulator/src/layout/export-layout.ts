import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, readdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import {
  type Descriptor,
  type Digest,
  formatLayoutIndex,
  formatLayoutMarker,
  InvalidInputError,
  LAYOUT_FILES,
  layoutBlobPath,
  parseRepositoryName,
  verifyBytes,
} from "@acrkit/oci";
import type { Store } from "../storage/store.ts";
import { findExport, type RepositoryExport } from "./repository-graph.ts";

/** What is exported. */
export interface ExportLayoutOptions {
  readonly repository: string;
  /** Tags and digests. @default all that is in the repository */
  readonly references?: readonly string[];
}

/** What an export has written. */
export interface ExportedLayout {
  readonly manifestCount: number;
  readonly blobCount: number;
  readonly sizeInBytes: number;
}

/**
 * Writes a repository, or a part of it, as an OCI image layout that skopeo, umoci, oras and `importLayout` read: each tag is
 * an entry of `index.json` of that name, each manifest that neither a tag nor an index leads to one without a name.
 *
 * The folder appears when it is complete; until then everything is in one beside it. Everything is verified as it is copied.
 *
 * @throws {InvalidInputError} no such repository or reference; the folder is there already, and not empty; an index has a
 *   member that the repository has not
 * @throws {DigestMismatchError} a blob's file in the data folder is damaged
 * @see OCI image-spec v1.1.1, image-layout.md
 */
export async function exportLayout(store: Store, path: string, options: ExportLayoutOptions): Promise<ExportedLayout> {
  const { repository, references } = options;
  parseRepositoryName(repository);
  const folder = resolve(path);
  await assertFree(folder);
  const found = findExport(store, repository, references);
  const partial = join(dirname(folder), `.${randomUUID()}.partial`);
  try {
    const exported = await write(store, repository, found, partial);
    // An empty folder in its place may stay there for all systems but Windows.
    await rmdir(folder).catch(() => {});
    await rename(partial, folder);
    return exported;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

async function assertFree(folder: string): Promise<void> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new InvalidInputError("folder", folder, `it cannot be written to (${error.code})`);
  });
  if (entries.length > 0) throw new InvalidInputError("folder", folder, "it is there already, and not empty");
}

async function write(
  store: Store,
  repository: string,
  { entries, manifests, blobs }: RepositoryExport,
  folder: string,
): Promise<ExportedLayout> {
  const file = (digest: Digest) => join(folder, ...layoutBlobPath(digest).split("/"));
  const all = [...manifests, ...blobs].map(({ digest }) => dirname(file(digest)));
  for (const one of new Set([join(folder, LAYOUT_FILES.blobs, "sha256"), ...all]))
    await mkdir(one, { recursive: true });
  for (const { digest } of manifests) {
    const content = store.manifests.content(repository, digest);
    if (content === undefined) throw new Error(`manifest ${digest} was deleted during the export`);
    await writeFile(file(digest), content);
  }
  for (const { digest, size } of blobs) {
    if (store.blobs.size(repository, digest) === undefined)
      throw new Error(`blob ${digest} was deleted during the export`);
    const source = verifyBytes(store.blobs.open(digest), { digest, sizeInBytes: size });
    await pipeline(source, createWriteStream(file(digest), { flags: "wx" }));
  }
  await writeFile(join(folder, LAYOUT_FILES.index), formatLayoutIndex(entries));
  await writeFile(join(folder, LAYOUT_FILES.marker), formatLayoutMarker());
  const sum = (sizes: readonly Descriptor[]) => sizes.reduce((total, { size }) => total + size, 0);
  return { manifestCount: manifests.length, blobCount: blobs.length, sizeInBytes: sum(manifests) + sum(blobs) };
}
