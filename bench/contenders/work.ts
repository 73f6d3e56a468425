/** What a client needs to reach the server. */
export interface ServerAccess {
  readonly endpoint: string;
  readonly certificate: string;
  /** An Entra token that the server takes; good for as long as a measurement lasts. */
  readonly token: string;
  /** For programs that log in with a password. */
  readonly admin: { readonly username: string; readonly password: string };
}

/** Blobs as files of one folder, and as an image whose layers they are. */
export interface LocalBlobs {
  readonly folder: string;
  /** An OCI image layout with the image under `tag`; its blobs are the same files by another name. */
  readonly layout: string;
  readonly tag: string;
  readonly blobs: readonly LocalBlob[];
}

export interface LocalBlob {
  /** The file's name in the folder. */
  readonly name: string;
  readonly digest: string;
  readonly sizeInBytes: number;
}

/** What is measured. Whoever moves whole images only moves the image; a library moves the blobs. */
export type Work =
  | { readonly kind: "upload"; readonly repository: string; readonly source: LocalBlobs }
  /** The image is there under its tag. What is downloaded goes into `into`, an empty folder, under any name. */
  | { readonly kind: "download"; readonly repository: string; readonly source: LocalBlobs; readonly into: string }
  | {
      readonly kind: "read-tags";
      readonly repositories: readonly string[];
      readonly tag: string;
      readonly calls: number;
    };

export interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMemoryMiB: number;
}
