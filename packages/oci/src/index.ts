export { type Challenge, formatChallenge, parseChallenges } from "./auth/challenge.ts";
export {
  CATALOG_SCOPE,
  DELETED_CATALOG_SCOPE,
  formatScope,
  formatScopes,
  isCovered,
  parseScope,
  parseScopes,
  repositoryScope,
  type Scope,
} from "./auth/scope.ts";
export { type ByteSource, collectBytes, concatBytes } from "./bytes.ts";
export { asDescriptor, type Descriptor, isForeign } from "./descriptor.ts";
export {
  assertContent,
  createDigester,
  type Digest,
  type Digester,
  digestAlgorithm,
  digestEncoded,
  digestOf,
  type ExpectedContent,
  isDigest,
  isVerifiable,
  parseDigest,
  verifyBytes,
  verifyBytesSync,
} from "./digest.ts";
export { ERROR_CODES, type ErrorCode, type ErrorCodeEntry, errorCodeEntry } from "./error-code.ts";
export {
  DigestMismatchError,
  InvalidInputError,
  InvalidManifestError,
  isDigestMismatchError,
  isInvalidInputError,
  isInvalidManifestError,
  isLimitError,
  LimitError,
} from "./errors.ts";
export { formatNextLink, parseNextLink } from "./http/link.ts";
export { formatChunkRange, formatUploadRange, parseChunkRange, parseUploadRange } from "./http/upload-range.ts";
export {
  formatLayoutIndex,
  formatLayoutMarker,
  LAYOUT_FILES,
  layoutBlobPath,
  MAX_LAYOUT_INDEX_BYTES,
  parseLayoutIndex,
  parseLayoutMarker,
} from "./layout/image-layout.ts";
export { InvalidLayoutError, isInvalidLayoutError } from "./layout/invalid-layout.ts";
export { isRefName, REF_NAME_ANNOTATION, refNameOf, tagOfRefName, withRefName } from "./layout/ref-name.ts";
export { MAX_MANIFEST_BYTES } from "./limits.ts";
export {
  type ArtifactManifest,
  type DockerManifest,
  type DockerManifestList,
  isImageManifest,
  isIndex,
  type Manifest,
  manifestContents,
  type OciImageManifest,
  type OciIndex,
  type ParsedManifest,
} from "./manifest/manifest.ts";
export { type ParseManifestOptions, parseManifest } from "./manifest/parse.ts";
export { bareMediaType, MANIFEST_MEDIA_TYPES, type ManifestKind, MediaType, manifestKind } from "./media-type.ts";
export {
  type Access,
  matchOperation,
  OPERATIONS,
  type Operation,
  type OperationMatch,
  type OperationName,
  type OperationParameters,
  operationPath,
  operationScopes,
} from "./operation.ts";
export { formatPlatform, type Platform } from "./platform.ts";
export {
  formatReference,
  isRepositoryName,
  isTag,
  parseReference,
  parseRepositoryName,
  parseTag,
  parseTagOrDigest,
  type Reference,
  type TagOrDigest,
} from "./reference.ts";
