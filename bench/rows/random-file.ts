import { join } from "node:path";
import { makeLocalBlobs } from "../blobs/local-blobs.ts";
import { withTemporaryFolder } from "../blobs/work-folder.ts";

/** A file of random bytes, which writing has brought into the page cache, for everyone alike. */
export interface RandomFile {
  readonly file: string;
  readonly sizeInBytes: number;
  readonly digest: string;
}

/** Makes a file of random bytes, and removes it afterwards. */
export function withRandomFile<T>(sizeInMiB: number, use: (file: RandomFile) => Promise<T>): Promise<T> {
  return withTemporaryFolder(async (parent) => {
    const { folder, blobs } = await makeLocalBlobs(parent, { count: 1, sizeInBytes: sizeInMiB * 1024 * 1024 });
    const [{ name = "", sizeInBytes = 0, digest = "" } = {}] = blobs;
    return await use({ file: join(folder, name), sizeInBytes, digest });
  });
}
