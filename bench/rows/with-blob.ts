import { randomFillSync } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measure } from "../measure.ts";
import { RunningServer, type ServerAccess } from "../running-server.ts";

/** A server that has the blob, and the file it came from. */
export interface ServedBlob {
  readonly access: ServerAccess;
  readonly file: string;
  readonly repository: string;
  readonly digest: string;
}

/** Makes a blob of random bytes, uploads it to a server of its own, and cleans both up afterwards. */
export async function withBlob<T>(sizeInMiB: number, use: (blob: ServedBlob) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "acrkit-bench-"));
  const server = await RunningServer.start();
  try {
    const file = join(folder, "blob");
    await writeRandomFile(file, sizeInMiB);
    const { access } = server;
    const repository = "bench/blob";
    // It also brings the file into the page cache, for everyone alike.
    const { digest } = await measure({ contender: "floor", access, work: { kind: "upload", repository, file } });
    return await use({ access, file, repository, digest: digest as string });
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeRandomFile(path: string, sizeInMiB: number): Promise<void> {
  const file = await open(path, "w");
  const block = Buffer.alloc(1024 * 1024);
  for (let index = 0; index < sizeInMiB; index++) await file.write(randomFillSync(block));
  await file.close();
}
