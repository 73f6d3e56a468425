/** Where the client cannot, or rightly does not, send a recorded request. The number is the exchange's place, from 1. */
export interface ClientDeviation {
  readonly recording: string;
  readonly exchange: number;
  readonly because: string;
}

const SMALL_CONTENT_IN_THE_PUT =
  "Content of up to 4 MiB goes with the PUT, which saves a request (recorded in blob-upload-post-put-delete); in a PATCH goes what is larger.";

/** Reviewed. An entry that no longer applies fails the test. */
export const DEVIATIONS: readonly ClientDeviation[] = [
  {
    recording: "blob-get-range",
    exchange: 3,
    because:
      "A part of a blob cannot be verified, so that the client fetches ranges only to resume, from an offset to the end.",
  },
  ...[3, 6, 9, 12].map((exchange) => ({
    recording: "blob-upload-chunked-content-range",
    exchange,
    because: SMALL_CONTENT_IN_THE_PUT,
  })),
  ...[4, 5, 6].map((exchange) => ({ recording: "blob-upload-small", exchange, because: SMALL_CONTENT_IN_THE_PUT })),
  {
    recording: "blob-upload-wrong-digest",
    exchange: 1,
    because: "The client computes the digest it commits with; a malformed one cannot be asked for.",
  },
  {
    recording: "manifest-delete-by-tag",
    exchange: 4,
    because:
      "The client looks up the digest behind a tag first and deletes by digest, which is what the service wants.",
  },
  {
    recording: "manifest-get-schema1-fallback",
    exchange: 1,
    because:
      "Schema 1 is not among the types that the client accepts; what it does with one is an InvalidManifestError.",
  },
  {
    recording: "manifest-properties-malformed-digest",
    exchange: 1,
    because: "What is no digest is refused before a request is sent.",
  },
  {
    recording: "manifest-put-media-type-mismatch",
    exchange: 4,
    because: "A manifest of another type than it is sent as is refused before a request is sent.",
  },
  {
    recording: "auth-exchange-and-token-decoded",
    exchange: 1,
    because:
      "Holds token requests alone; the client's tokens are tested beside its code, with the lifetimes recorded here.",
  },
  {
    recording: "auth-exchange-wrong-audience",
    exchange: 4,
    because: "The refusal of an exchange is tested beside the client's code, with this answer's status and body.",
  },
  {
    recording: "v2-base-challenge",
    exchange: 1,
    because: "It is what this replay answers to the client's first request.",
  },
];
