import { join } from "node:path";
import { type Digest, digestAlgorithm, digestEncoded } from "@acrkit/oci";

/*
 * <data folder>/
 *   metadata.sqlite            records (and -wal)
 *   emulator.pid               who has the folder open
 *   blobs/sha256/ab/abcd…      bytes under their digest; complete once the database has a link to them, garbage before
 *   uploads/<uuid>             bytes of uploads that go on
 *   removed/<uuid>/            on its way out; emptied at the next start
 *   secrets/                   keys, the certificate, the admin user's password
 */

/** Where everything is in a data folder. */
export interface FolderLayout {
  readonly folder: string;
  readonly database: string;
  readonly owner: string;
  readonly blobs: string;
  readonly uploads: string;
  readonly removed: string;
  readonly secrets: string;
  blob(digest: Digest): string;
  upload(uuid: string): string;
}

export function folderLayout(dataFolder: string): FolderLayout {
  const blobs = join(dataFolder, "blobs");
  const uploads = join(dataFolder, "uploads");
  return {
    folder: dataFolder,
    database: join(dataFolder, "metadata.sqlite"),
    owner: join(dataFolder, "emulator.pid"),
    blobs,
    uploads,
    removed: join(dataFolder, "removed"),
    secrets: join(dataFolder, "secrets"),
    // A digest that follows its grammar holds no separator, so it cannot leave the folder.
    blob: (digest) => join(blobs, digestAlgorithm(digest), digestEncoded(digest).slice(0, 2), digestEncoded(digest)),
    upload: (uuid) => join(uploads, uuid),
  };
}
