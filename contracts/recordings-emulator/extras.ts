import type { RecordedBody } from "../recordings/recording.ts";

/** What a recording presumes, or its recorder lost, and its answers alone do not tell. */
export interface Extras {
  /** Repositories that hold at least something when the recording begins. */
  readonly repositories?: readonly string[];
  /** Tags that stand before the recording begins, by repository: tag and digest. */
  readonly tags?: Readonly<Record<string, readonly (readonly [tag: string, digest: string])[]>>;
  /** Blobs with known content. */
  readonly blobs?: Readonly<Record<string, readonly Uint8Array[]>>;
  /** Request headers the recorder dropped, by the exchange's number. */
  readonly headers?: Readonly<Record<number, Readonly<Record<string, string>>>>;
  /** Request bodies the recorder dropped, by the exchange's number. */
  readonly bodies?: Readonly<Record<number, RecordedBody>>;
  /** Bytes that had been uploaded before an excerpt begins. */
  readonly uploadedBytes?: number;
}

const LIST = "application/vnd.docker.distribution.manifest.list.v2+json";

/** By recording. Exchanges are counted from 1, as in the deviations. */
export const EXTRAS: Readonly<Record<string, Extras>> = {
  // 1044 bytes, as the digest proves: it is that of 1044 times 0x0b, which is also what the range shows.
  "blob-get-range": { blobs: { "50c60996-60bd-f40c-e969-6f8d437deb29": [new Uint8Array(1044).fill(0x0b)] } },
  // Its notes: "By its digest the body of the PUT was the two bytes {}".
  "blob-upload-post-put-delete": { bodies: { 5: { text: "{}" } } },
  // Its notes: "Only the last request is kept: 2479 bytes had been uploaded."
  "blob-upload-wrong-digest": { uploadedBytes: 2479 },
  // Its notes: "The Accept header, by the SDK's test, names the list media type."
  "manifest-get-list-by-tag": { headers: { 3: { accept: LIST } } },
  // Its notes: the same tag is a manifest list, and the test asks for a type the registry does not hold.
  "manifest-get-schema1-fallback": {
    headers: { 1: { accept: "application/vnd.oci.image.manifest.v1+json" } },
    tags: {
      "library/hello-world": [["latest", "sha256:aa0cc8055b82dc2509bed2e19b275c8f463506616377219d9642221ab53cf9fe"]],
    },
  },
};
