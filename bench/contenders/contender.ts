import type { ServerAccess } from "./work.ts";

/** One way of doing the measured work, as a library. */
export interface Contender {
  upload(repository: string, file: string): Promise<unknown>;
  /** Into a file, verified. */
  download(repository: string, digest: string, file: string): Promise<unknown>;
  uploadMany(repository: string, files: readonly string[]): Promise<unknown>;
  downloadMany(repository: string, blobs: readonly WantedBlob[]): Promise<unknown>;
  /** A cheap metadata call. */
  readTag(repository: string, tag: string): Promise<unknown>;
}

export interface WantedBlob {
  readonly digest: string;
  readonly file: string;
}

export type ContenderFactory = (access: ServerAccess) => Contender;

/** The same for everyone: a token that is there already. */
export function staticCredential(token: string) {
  return { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };
}
