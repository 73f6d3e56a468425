import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname } from "node:path/posix";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type Header, pack } from "tar-stream";

/** An entry of a layer. Folders above a file need not be given, unless something is special about them. */
export type LayerEntry =
  | { readonly path: string; readonly file: string; readonly isExecutable?: boolean }
  | { readonly path: string; readonly text: string }
  | { readonly path: string; readonly folder: { readonly mode: number; readonly uid?: number } };

/** A layer in a file, compressed. */
export interface PackedLayer {
  readonly digest: string;
  /** The digest before it was compressed. */
  readonly diffId: string;
  readonly size: number;
}

/** Packs entries into `target`. Times, owners and order are fixed: the same entries give the same digest. */
export async function packLayer(target: string, entries: readonly LayerEntry[]): Promise<PackedLayer> {
  const tar = pack();
  const [before, after] = [createHash("sha256"), createHash("sha256")];
  const writing = pipeline(
    // Typed by its streamx base, which lacks a few methods of Node's streams; it pipes like one.
    tar as unknown as Readable,
    hashedBy(before),
    createGzip(),
    hashedBy(after),
    createWriteStream(target),
  );
  const given = new Set(entries.map(({ path }) => path));
  const folders = foldersAbove(entries).filter((path) => !given.has(path));
  const all: LayerEntry[] = [...folders.map((path) => ({ path, folder: { mode: 0o755 } })), ...entries];
  for (const entry of all.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const { header, content } = await open(entry);
    if (content === undefined) tar.entry(header);
    else await pipeline(content, tar.entry(header) as unknown as NodeJS.WritableStream);
  }
  tar.finalize();
  await writing;
  return {
    digest: `sha256:${after.digest("hex")}`,
    diffId: `sha256:${before.digest("hex")}`,
    size: (await stat(target)).size,
  };
}

function hashedBy(hash: ReturnType<typeof createHash>) {
  return async function* (parts: AsyncIterable<Uint8Array>) {
    for await (const part of parts) {
      hash.update(part);
      yield part;
    }
  };
}

const EPOCH = new Date(0);

async function open(
  entry: LayerEntry,
): Promise<{ header: Pick<Header, "name"> & Partial<Header>; content?: Readable }> {
  const common = { name: entry.path, mtime: EPOCH };
  if ("folder" in entry) {
    const { mode, uid = 0 } = entry.folder;
    return { header: { ...common, type: "directory", mode, uid, gid: uid } };
  }
  if ("text" in entry) {
    const bytes = Buffer.from(entry.text);
    return { header: { ...common, mode: 0o644, size: bytes.byteLength }, content: Readable.from([bytes]) };
  }
  const { size } = await stat(entry.file);
  const content = createReadStream(entry.file, { highWaterMark: 1024 * 1024 });
  return { header: { ...common, mode: entry.isExecutable ? 0o755 : 0o644, size }, content };
}

function foldersAbove(entries: readonly LayerEntry[]): readonly string[] {
  const folders = new Set<string>();
  for (const { path } of entries) {
    for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) folders.add(folder);
  }
  return [...folders];
}
