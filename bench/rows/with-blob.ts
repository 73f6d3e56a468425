import { createHash, randomFillSync } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measure } from "../measure.ts";
import { RunningServer, type ServerAccess } from "../running-server.ts";

/** A file of random bytes, which reading and writing have brought into the page cache, for everyone alike. */
export interface RandomFile {
  readonly file: string;
  readonly sizeInBytes: number;
  readonly digest: string;
}

/** A server that has the blob, and the file it came from. */
export interface ServedBlob {
  readonly access: ServerAccess;
  readonly file: string;
  readonly repository: string;
  readonly digest: string;
}

const BLOCK_BYTES = 1024 * 1024;

/** Makes a file of random bytes, and removes it afterwards. */
export async function withRandomFile<T>(sizeInMiB: number, use: (file: RandomFile) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "acrkit-bench-"));
  try {
    const path = join(folder, "blob");
    const file = await open(path, "w");
    const block = Buffer.alloc(BLOCK_BYTES);
    const hash = createHash("sha256");
    for (let index = 0; index < sizeInMiB; index++) {
      hash.update(randomFillSync(block));
      await file.write(block);
    }
    await file.close();
    return await use({ file: path, sizeInBytes: sizeInMiB * BLOCK_BYTES, digest: `sha256:${hash.digest("hex")}` });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Uploads a file of random bytes to a server of its own, and cleans both up afterwards. */
export function withBlob<T>(sizeInMiB: number, use: (blob: ServedBlob) => Promise<T>): Promise<T> {
  return withRandomFile(sizeInMiB, async ({ file, digest }) => {
    const server = await RunningServer.start();
    try {
      const { access } = server;
      const repository = "bench/blob";
      await measure({ contender: "floor", access, work: { kind: "upload", repository, file } });
      return await use({ access, file, repository, digest });
    } finally {
      await server.stop();
    }
  });
}
