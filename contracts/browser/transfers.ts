import { type Digest, digestOf } from "@acrkit/oci";

const MIB = 1024 * 1024;

/** Each transfer has a repository and content of its own, by which the faults that are meant for it find it. */
const TRANSFERS = {
  abortedUpload: { repository: "aborted/upload", sizeInBytes: 20 * MIB },
  upload: { repository: "whole/upload", sizeInBytes: 20 * MIB + 1 },
  cutUpload: { repository: "cut/upload", sizeInBytes: 20 * MIB + 2 },
  cutDownload: { repository: "cut/download", sizeInBytes: 6 * MIB + 3 },
  corruptDownload: { repository: "corrupt/download", sizeInBytes: 6 * MIB + 4 },
  abortedDownload: { repository: "aborted/download", sizeInBytes: 6 * MIB + 5 },
} as const;

export type TransferName = keyof typeof TRANSFERS;

/** What is moved in the page, made alike on both sides. */
export interface Transfer {
  readonly repository: string;
  readonly content: Uint8Array<ArrayBuffer>;
  readonly digest: Digest;
}

export function transferOf(name: TransferName): Transfer {
  const { repository, sizeInBytes } = TRANSFERS[name];
  const content = new Uint8Array(sizeInBytes);
  // Repeats only after a prime number of bytes, so that a misplaced piece changes the digest.
  for (let at = 0; at < sizeInBytes; at++) content[at] = at % 251;
  return { repository, content, digest: digestOf(content) };
}
