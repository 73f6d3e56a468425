import type { ServerAccess } from "../running-server.ts";

/** One way of doing the measured work. */
export interface Contender {
  upload(repository: string, file: string): Promise<string>;
  /** Reads a blob to its end, verified, and throws it away. */
  download(repository: string, digest: string): Promise<number>;
  /** A cheap metadata call. */
  readTag(repository: string, tag: string): Promise<void>;
}

export type ContenderFactory = (access: ServerAccess) => Contender;

/** The same for everyone: a token that is there already. */
export function staticCredential(token: string) {
  return { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };
}
