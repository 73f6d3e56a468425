import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname } from "node:path/posix";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createDigester, type Digest } from "@acrkit/oci";
import { pack } from "tar-stream";

/** A file of a layer: where it goes, and where its bytes come from. */
export interface LayerFile {
  readonly path: string;
  readonly from: { readonly file: string } | { readonly text: string };
  readonly executable?: boolean;
}

/** A layer that has been packed into a file. An uncompressed tar: its digest is also the config's `diff_id`. */
export interface PackedLayer {
  readonly file: string;
  readonly digest: Digest;
  readonly sizeInBytes: number;
}

/** Packs files into a layer, streamed. Times and owners are fixed, so that the same files give the same digest. */
export async function packLayer(file: string, files: readonly LayerFile[]): Promise<PackedLayer> {
  const tar = pack();
  const digester = createDigester();
  const writing = pipeline(
    // Typed by its streamx base, which lacks a few methods of Node's streams; it pipes like one.
    tar as unknown as Readable,
    async function* (parts: AsyncIterable<Uint8Array>) {
      for await (const part of parts) {
        digester.update(part);
        yield part;
      }
    },
    createWriteStream(file),
  );
  for (const folder of foldersOf(files)) tar.entry({ name: folder, type: "directory", mode: 0o755, mtime: EPOCH });
  for (const entry of files) {
    const { size, content } = await open(entry.from);
    const header = { name: entry.path, size, mode: entry.executable === true ? 0o755 : 0o644, mtime: EPOCH };
    await pipeline(content, tar.entry(header) as unknown as NodeJS.WritableStream);
  }
  tar.finalize();
  await writing;
  return { file, digest: digester.digest(), sizeInBytes: digester.sizeInBytes };
}

const EPOCH = new Date(0);

async function open(from: LayerFile["from"]): Promise<{ size: number; content: Readable }> {
  if ("text" in from) {
    const bytes = Buffer.from(from.text);
    return { size: bytes.byteLength, content: Readable.from([bytes]) };
  }
  return { size: (await stat(from.file)).size, content: createReadStream(from.file, { highWaterMark: 1024 * 1024 }) };
}

/** Every folder above a file, the outer ones first. */
function foldersOf(files: readonly LayerFile[]): readonly string[] {
  const folders = new Set<string>();
  for (const { path } of files) {
    for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) folders.add(folder);
  }
  return [...folders].sort();
}
