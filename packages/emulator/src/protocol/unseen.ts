import { type Digest, ERROR_CODES } from "@acrkit/oci";
import { failure, type RegistryFailure } from "./failure.ts";
import { unknownTag } from "./unknown-tag.ts";

/*
 * What rests on no recording: choices made after a specification, distribution's code or a document. Chapter 10 of the
 * protocol reference lists what was never seen. They stand together so that one recording corrects them in one place.
 */

/** Page sizes without `n`. The catalog's is logged (3.11); those of tags and manifests are assumed to be the same. */
export const DEFAULT_PAGE = 100;

/** The cap for tags is logged (3.11); the others' is assumed to be the same. */
export const MAX_PAGE = 1000;

/** 3.11, `n` that is no number, or below 1: distribution's answer. */
export function badPageSize(n: string): RegistryFailure {
  return failure("PAGINATION_NUMBER_INVALID", { detail: { n } });
}

/** 4.1: the body of `GET /v2/` with a valid token; distribution sends this one. */
export const API_CHECK_BODY = {};

/** A path that exists, with a method that does not: distribution's router answers 405 as well. */
export function methodNotAllowed(allowed: readonly string[]): RegistryFailure {
  return failure("UNSUPPORTED", { headers: [["Allow", allowed.join(", ")]] });
}

/** 4.2: GET and HEAD of a manifest in a repository that does not exist; 4.6 alike. */
export function unknownRepository(name: string): RegistryFailure {
  return failure("NAME_UNKNOWN", { detail: { name } });
}

/** 4.2: GET of a digest that is not there, and 3.10: restoring one that is not in the bin; the wording is that of DELETE (4.5). */
export function unknownManifest(digest: Digest): RegistryFailure {
  return failure("MANIFEST_UNKNOWN", { message: `manifest ${digest} is not found` });
}

/** 4.2: a Docker list asked for by tag with an Accept that names none of it; since 2024 users report a 404 (acr#741). */
export function unacceptableDockerList(tag: string): RegistryFailure {
  return unknownTag(tag);
}

/** 4.4: a manifest above 4 MiB. The status is the OCI spec's, code and detail are those of documents. */
export function manifestTooLarge(): RegistryFailure {
  return failure("MANIFEST_INVALID", { status: 413, detail: "http: request body too large" });
}

/** 4.4: pushed by a digest that the body does not have. */
export function manifestDigestMismatch(): RegistryFailure {
  return failure("DIGEST_INVALID");
}

/** 4.5: deleting a subject takes along what is attached to it; said of the older ORAS artifacts. */
export const DELETE_TAKES_REFERRERS = true;

/** 5.2: a Content-Range that is not `first-last`; the detail is logged, status and code are assumed. */
export function malformedContentRange(range: string): RegistryFailure {
  return failure("RANGE_INVALID", {
    detail: { Range: range, Reason: "the Content-Range header format is invalid" },
  });
}

/** 5.2: a chunk that does not start where the upload ends. */
export function outOfOrder(): RegistryFailure {
  return failure("RANGE_INVALID");
}

/** 5.2: Content-Range and Content-Length that contradict each other. */
export function lengthMismatch(): RegistryFailure {
  return failure("SIZE_INVALID");
}

/** 5.2: a chunk with Content-Range but without Content-Length, which a client of ACR was told off for (harbor#23016). */
export function lengthMissing(): RegistryFailure {
  return failure("CONTENT_LENGTH_INVALID");
}

/** A chunk behind one below `minChunkBytes`. OCI's spec has the minimum, but no answer to who does not heed it; ACR has none. */
export function chunkTooSmall(): RegistryFailure {
  return failure("SIZE_INVALID");
}

/** 5.3: a PUT with more than about 20 MB was refused (harbor#23015, of March 2026); where exactly is not known. */
export const MAX_PUT_BYTES = 20 * 1024 * 1024;

/** 4.4: a reference with a colon that is no digest; distribution's router answers a plain 404, the OCI suite wants 400. */
export function malformedReference(): RegistryFailure {
  return failure("DIGEST_INVALID", { detail: "digest parsing failed" });
}

/** 5.2: the detail of an unknown upload was "an object". */
export function unknownUpload(): RegistryFailure {
  return failure("BLOB_UPLOAD_UNKNOWN", { detail: {} });
}

/** 5.3: content that has another digest; `Reason` is empty for the same cause as in MANIFEST_INVALID. */
export function uploadDigestMismatch(digest: Digest): RegistryFailure {
  return failure("DIGEST_INVALID", { detail: { Digest: digest, Reason: {} } });
}

/** 5.3: no `digest` parameter. */
export function uploadDigestMissing(): RegistryFailure {
  return failure("DIGEST_INVALID", { detail: "digest missing" });
}

/** 5.5: GET, and HEAD, of a blob that is not there; the wording is that of DELETE. */
export function unknownBlob(): RegistryFailure {
  return failure("BLOB_UNKNOWN");
}

/** A body that is no JSON object of booleans, sent to PATCH (3.3); one that is no `{"tag":T}`, sent to restore (3.10). */
export function malformedBody(): RegistryFailure {
  return failure("UNSUPPORTED", { status: 400, message: "the request body is not valid" });
}

/** 2.3 to 2.5: a token request that is not one of the documented forms. */
export function malformedTokenRequest(): RegistryFailure {
  return failure("UNSUPPORTED", { status: 400, message: "the token request is not valid" });
}

/** 2.4, 2.5: refused by the token endpoint; the text is that of 2.1. */
export const TOKEN_REFUSED = ERROR_CODES.UNAUTHORIZED.message;

/** 2.5: a user name the registry does not know (logged, for Basic). */
export const UNKNOWN_USER = "Application not registered with AAD.";

/** 2.5: a user name that ends in a newline; the status is logged (fluxcd/source-controller#193), code and text are not. */
export function unreadableUser(): RegistryFailure {
  return failure("UNKNOWN", { status: 500 });
}

/** 3.10: the retention when none is set. */
export const SOFT_DELETE_DAYS = 7;

/** 3.10: restoring to a tag that stands on another manifest, without `force`; azure-cli is prepared for 409. */
export function restoredTagInUse(tag: string): RegistryFailure {
  return failure("REGISTRY_DISALLOWED_OPERATION", {
    status: 409,
    message: `The tag "${tag}" is in use. Restore with force to overwrite it.`,
    detail: { Tag: tag },
  });
}

/** 3.10: restoring what is attached to a manifest that is in the bin itself: "it throws an error". */
export function restoredSubjectMissing(subject: Digest): RegistryFailure {
  return failure("REGISTRY_DISALLOWED_OPERATION", {
    status: 409,
    message: `The subject ${subject} has been deleted. Restore it first.`,
    detail: { Subject: subject },
  });
}

/** 3.10: a digest that is in the bin cannot be pushed: "restore the soft deleted image" instead. */
export function deletedDigestPushed(digest: Digest): RegistryFailure {
  return failure("REGISTRY_DISALLOWED_OPERATION", {
    status: 409,
    message: `The manifest ${digest} has been deleted and can be restored. Restore it instead of pushing it again.`,
    detail: { Digest: digest },
  });
}
