// The words of the protocol that a user of the client needs; the rest is in @acrkit/oci.
export {
  type ArtifactManifest,
  type Descriptor,
  type Digest,
  DigestMismatchError,
  type DockerManifest,
  type DockerManifestList,
  InvalidInputError,
  InvalidManifestError,
  isDigestMismatchError,
  isImageManifest,
  isIndex,
  isInvalidInputError,
  isInvalidManifestError,
  isLimitError,
  LimitError,
  type Manifest,
  MediaType,
  type OciImageManifest,
  type OciIndex,
  type Platform,
} from "@acrkit/oci";
export type { ChangeableProperties, UpdatableProperties } from "./acr/changeable.ts";
export type {
  ArtifactManifestPlatform,
  ArtifactManifestProperties,
  ListManifestPropertiesOptions,
  UpdateManifestPropertiesOptions,
} from "./acr/manifest-properties.ts";
export type { ArtifactOrder } from "./acr/order.ts";
export type {
  ContainerRepositoryProperties,
  DeleteRepositoryResult,
  UpdateRepositoryPropertiesOptions,
} from "./acr/repositories.ts";
export type { ArtifactTagProperties, ListTagPropertiesOptions, UpdateTagPropertiesOptions } from "./acr/tags.ts";
export { KnownContainerRegistryAudience } from "./audience.ts";
export type {
  BasicCredential,
  CredentialFunction,
  CredentialRequest,
  RefreshTokenCredential,
  RegistryCredential,
} from "./auth/credential.ts";
export {
  type ChainAnswer,
  CredentialChain,
  type CredentialChainOptions,
  type CredentialLink,
} from "./auth/credential-chain.ts";
export type { ClientCredential } from "./auth/credential-source.ts";
export type { ContainerRegistryClientOptions, TokenCacheOptions, TransferOptions } from "./client-options.ts";
export { ContainerRegistryClient } from "./container-registry-client.ts";
export { type DockerCredentialOptions, dockerCredential } from "./docker/docker-credential.ts";
export { CredentialHelperError, DockerConfigError } from "./docker/errors.ts";
export { type ExchangeRefreshTokenOptions, exchangeRefreshToken } from "./docker/exchange.ts";
export { type LoginOptions, type LoginResult, type LogoutOptions, login, logout } from "./docker/login.ts";
export {
  AccessDeniedError,
  ClientAuthenticationError,
  ContentReadError,
  ContentWriteError,
  isRegistryError,
  RegistryError,
  type RegistryErrorDetail,
  type RegistryErrorInfo,
  ResourceLockedError,
  ResourceNotFoundError,
  ThrottledError,
  TransferTimeoutError,
  TransportError,
  UnexpectedResponseError,
  UnsupportedOperationError,
} from "./errors/registry-error.ts";
export type { GetManifestResult, ManifestInput, SetManifestOptions, SetManifestResult } from "./registry/manifests.ts";
export type { Page } from "./registry/pages.ts";
export { UnsupportedError } from "./runtime/unsupported.ts";
export type { TransferTimeoutOptions } from "./transfer/deadline.ts";
export type {
  BlobDownload,
  DownloadBlobOptions,
  ReadBytesOptions,
  ToFileOptions,
} from "./transfer/download/download.ts";
export type { OnProgress, TransferEventKind, TransferProgress } from "./transfer/progress.ts";
export { type NamedTransferProgress, TotalProgress, type TransferTotals } from "./transfer/total-progress.ts";
export type { BlobContent, StreamContent } from "./transfer/upload/content.ts";
export type { UploadBlobOptions, UploadBlobResult } from "./transfer/upload/upload.ts";
