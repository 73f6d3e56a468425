/** What a registry's error code means, and what can be done about it. */
export interface ErrorCodeEntry {
  /** The status it usually comes with. */
  readonly status: number;
  /** The message ACR sends with it, or distribution where ACR's was never seen. */
  readonly message: string;
  readonly meaning: string;
  /** What the caller can do, a sentence. */
  readonly hint: string;
}

/**
 * The error codes of OCI registries and of ACR.
 *
 * @see OCI distribution-spec v1.1.1, "Error Codes"; distribution `registry/api/errcode`; ACR's recorded and reported answers
 */
const TABLE = {
  BLOB_UNKNOWN: {
    status: 404,
    message: "blob unknown to registry",
    meaning: "The repository has no blob with this digest.",
    hint: "Check the digest and the repository; a blob is visible only in the repositories it was pushed to.",
  },
  BLOB_UPLOAD_INVALID: {
    status: 404,
    message: "blob upload invalid",
    meaning: "The upload session cannot go on, for instance after a broken connection.",
    hint: "Start the upload again.",
  },
  BLOB_UPLOAD_UNKNOWN: {
    status: 404,
    message: "blob upload unknown to registry",
    meaning: "There is no such upload session, or it has expired.",
    hint: "Start the upload again.",
  },
  CONTENT_LENGTH_INVALID: {
    status: 400,
    message: "invalid content length",
    meaning: "A chunk came with a Content-Range but without a Content-Length, or with a wrong one.",
    hint: "Send chunks with a Content-Length, or stream without a Content-Range.",
  },
  DENIED: {
    status: 403,
    message: "requested access to the resource is denied",
    meaning: "The registry refuses access, for instance by its firewall.",
    hint: "Check the registry's network rules (https://aka.ms/acr/firewall) and the identity's roles.",
  },
  DIGEST_INVALID: {
    status: 400,
    message: "provided digest did not match uploaded content",
    meaning: "The digest is malformed, or the content that arrived has another one.",
    hint: "Send the content again; if it fails again, something changes it on the way.",
  },
  MANIFEST_BLOB_UNKNOWN: {
    status: 400,
    message: "blob unknown to registry",
    meaning: "The manifest refers to blobs that the repository does not have.",
    hint: "Upload the config and every layer to this repository before the manifest.",
  },
  MANIFEST_INVALID: {
    status: 400,
    message: "manifest invalid",
    meaning: "The registry cannot accept the manifest: broken JSON, or another media type than it was sent as.",
    hint: "Send the manifest with its own media type, and check its members.",
  },
  MANIFEST_UNKNOWN: {
    status: 404,
    message: "manifest unknown",
    meaning: "The repository has no manifest with this tag or digest, or none of a media type the caller accepts.",
    hint: "Check the tag or digest; list the repository's tags to see what is there.",
  },
  MANIFEST_UNVERIFIED: {
    status: 400,
    message: "manifest failed signature verification",
    meaning: "The manifest's signature does not verify.",
    hint: "Sign the manifest again, or push it in a format without built-in signatures.",
  },
  NAME_INVALID: {
    status: 400,
    message: "invalid repository name",
    meaning: "The repository name does not follow the grammar.",
    hint: "Use lower-case letters and digits, with '.', '_' or '-' between them and '/' between components.",
  },
  NAME_UNKNOWN: {
    status: 404,
    message: "repository name not known to registry",
    meaning: "The registry has no such repository.",
    hint: "Check the name; a repository comes into being with the first push.",
  },
  PAGINATION_NUMBER_INVALID: {
    status: 400,
    message: "invalid number of results requested",
    meaning: "The page size is not a number that the registry accepts.",
    hint: "Ask for a page size of 1 or more, or for none.",
  },
  RANGE_INVALID: {
    status: 416,
    message: "invalid content range",
    meaning: "A chunk does not start where the upload ended.",
    hint: "Ask for the upload's offset and go on from there, or start again.",
  },
  REGISTRY_DISALLOWED_OPERATION: {
    status: 405,
    message:
      "The operation is disallowed on this registry, repository or image. View troubleshooting steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation",
    meaning: "A lock on the repository, the tag or the manifest forbids it, or the storage limit is reached.",
    hint: "Look at canWrite, canDelete and canRead of the repository, tag and manifest, and unlock with an update of the properties.",
  },
  SIZE_INVALID: {
    status: 400,
    message: "provided length did not match content length",
    meaning: "Fewer or more bytes arrived than were announced.",
    hint: "Send the content again.",
  },
  TAG_INVALID: {
    status: 400,
    message: "manifest tag did not match URI",
    meaning: "The tag is malformed or differs from the one in the manifest.",
    hint: "Use letters, digits, '_', '.' and '-', at most 128.",
  },
  TAG_UNKNOWN: {
    status: 404,
    message: "the specified tag does not exist",
    meaning: "The repository has no such tag, or does not exist.",
    hint: "Check the tag; list the repository's tags to see what is there.",
  },
  TOOMANYREQUESTS: {
    status: 429,
    message: "too many requests",
    meaning: "The registry throttles this client.",
    hint: "Send fewer requests at a time, or choose a larger service tier (https://aka.ms/acr/skus).",
  },
  UNAUTHORIZED: {
    status: 401,
    message: "authentication required, visit https://aka.ms/acr/authorization for more information.",
    meaning: "No token, or one that does not reach this operation: ACR answers a missing permission with 401 as well.",
    hint: "Check the credential and that it has a role for this operation (AcrPull, AcrPush, AcrDelete, or a scope map).",
  },
  UNAVAILABLE: {
    status: 503,
    message: "service unavailable",
    meaning: "The registry cannot answer now.",
    hint: "Try again later.",
  },
  UNKNOWN: {
    status: 500,
    message: "unknown error",
    meaning: "The registry failed in a way it does not name.",
    hint: "Try again later; quote the correlation id to support if it stays.",
  },
  UNSUPPORTED: {
    status: 405,
    message: "The operation is unsupported.",
    meaning:
      "The registry does not offer this operation, or not in this form (a manifest is deleted by digest, not by tag).",
    hint: "Address manifests by digest when deleting; check that the registry offers the operation.",
  },
} as const satisfies Record<string, ErrorCodeEntry>;

/** A code of the table. Registries may send others. */
export type ErrorCode = keyof typeof TABLE;

export const ERROR_CODES: Readonly<Record<ErrorCode, ErrorCodeEntry>> = TABLE;

/** The entry of a code as it came over the wire, or undefined for one that is not in the table. */
export function errorCodeEntry(code: string): ErrorCodeEntry | undefined {
  return Object.hasOwn(TABLE, code) ? TABLE[code as ErrorCode] : undefined;
}
