import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { BlobContent } from "@acrkit/client";
import type { UploadScenario } from "./scenario.ts";

/** The content as the scenario hands it over. */
export async function sourceOf(
  { content, pieceBytes, failsAt }: UploadScenario,
  bytes: Uint8Array,
  folder: string,
): Promise<BlobContent> {
  const pieces = () => inPieces(bytes, pieceBytes, failsAt);
  switch (content) {
    case "bytes":
      return bytes;
    case "Blob":
      return new Blob([bytes as Uint8Array<ArrayBuffer>]);
    case "path": {
      const path = join(folder, "content");
      await writeFile(path, bytes);
      return { path };
    }
    case "function":
      return pieces;
    case "generator":
      return pieces();
    case "node stream":
      return Readable.from(pieces(), { objectMode: false });
    case "web stream":
      return Readable.toWeb(Readable.from(pieces())) as unknown as ReadableStream<Uint8Array>;
  }
}

/** Pieces that fit no boundary: each a little larger than the one before. */
async function* inPieces(
  bytes: Uint8Array,
  pieceBytes: number,
  failsAt: number | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const end = failsAt ?? bytes.byteLength;
  for (let at = 0, size = pieceBytes; at < end; at += size, size += 7)
    yield bytes.subarray(at, Math.min(end, at + size));
  if (failsAt !== undefined) throw new Error("the content cannot be read any further");
}
