import { parseDigest, parseRepositoryName } from "@acrkit/oci";
import type { OperationOptions } from "@azure/core-client";
import type { PagedAsyncIterableIterator } from "@azure/core-paging";
import type { Pipeline } from "@azure/core-rest-pipeline";
import * as manifestProperties from "./acr/manifest-properties.ts";
import * as repositories from "./acr/repositories.ts";
import * as tags from "./acr/tags.ts";
import { isRegistryCredential } from "./auth/credential.ts";
import { type ClientCredential, isAsked } from "./auth/credential-source.ts";
import type { ContainerRegistryClientOptions } from "./client-options.ts";
import { composeClient } from "./compose.ts";
import * as blobs from "./registry/blobs.ts";
import type { RegistryConnection } from "./registry/connection.ts";
import * as manifests from "./registry/manifests.ts";
import type { Page } from "./registry/pages.ts";
import { tracingClient } from "./tracing.ts";
import type { TransferBudget } from "./transfer/budget.ts";
import { type BlobDownload, type DownloadBlobOptions, startDownload } from "./transfer/download/download.ts";
import type { BlobContent } from "./transfer/upload/content.ts";
import { mountBlob } from "./transfer/upload/mount.ts";
import { type UploadBlobOptions, type UploadBlobResult, uploadBlob } from "./transfer/upload/upload.ts";

/**
 * A client of one registry: its repositories, tags, manifests and blobs, and what is known of them.
 *
 * It can be shared by any number of calls at a time, keeps tokens and connections for the next call, and needs no closing.
 * Every method takes Azure Core's `OperationOptions` (`abortSignal`, `requestOptions`, `tracingOptions`, `onResponse`) and
 * fails with the errors of this package, all of which satisfy `isRestError` when they come from the registry or the way to
 * it; a name, tag or digest that does not follow its grammar is an `InvalidInputError` before any request is sent.
 *
 * Long as a file because it is the list of what can be done; each method only names the module that does it.
 */
export class ContainerRegistryClient {
  /** The registry's origin: `https://myregistry.azurecr.io`. */
  readonly endpoint: string;
  /** The registry's host, and its port where it is not the usual one. */
  readonly loginServer: string;
  /** The way of a request, for those who add a policy to a client that exists. */
  readonly pipeline: Pipeline;
  readonly #connection: RegistryConnection;
  readonly #budget: TransferBudget;

  /**
   * Sends nothing yet: the first call logs in.
   *
   * @param endpoint - `https://myregistry.azurecr.io`, or the login server alone
   * @param credential - an Entra credential such as `DefaultAzureCredential`; `{ username, password }` of an admin user, a
   *   service principal or a repository token; `{ refreshToken }` of ACR; a function that gives one of these for a registry
   *   and its repositories; a {@link CredentialChain} of several; none for anonymous pull
   * @throws {InvalidInputError} the endpoint is not an origin, is http with a credential to another machine, or the
   *   credential is none
   * @example
   * ```ts
   * import { ContainerRegistryClient } from "@acrkit/client";
   * const anonymous = new ContainerRegistryClient("https://myregistry.azurecr.io");
   * const admin = new ContainerRegistryClient("myregistry.azurecr.io", { username: "myregistry", password: "…" });
   * ```
   */
  constructor(endpoint: string, credential: ClientCredential, options?: ContainerRegistryClientOptions);
  constructor(endpoint: string, options?: ContainerRegistryClientOptions);
  constructor(
    endpoint: string,
    credentialOrOptions?: ClientCredential | ContainerRegistryClientOptions,
    options?: ContainerRegistryClientOptions,
  ) {
    const isOptions =
      options === undefined &&
      typeof credentialOrOptions === "object" &&
      credentialOrOptions !== null &&
      !isAsked(credentialOrOptions) &&
      !isRegistryCredential(credentialOrOptions);
    const credential = isOptions ? undefined : (credentialOrOptions as ClientCredential);
    const chosen = isOptions ? (credentialOrOptions as ContainerRegistryClientOptions) : (options ?? {});
    const { connection, budget, pipeline } = composeClient(endpoint, credential, chosen);
    this.#connection = connection;
    this.#budget = budget;
    this.pipeline = pipeline;
    this.endpoint = connection.endpoint.origin;
    this.loginServer = connection.endpoint.host;
  }

  /**
   * The names of the registry's repositories, in alphabetical order, fetched page by page.
   *
   * @see ACR REST API, `GET /acr/v1/_catalog`
   * @example
   * ```ts
   * for await (const name of client.listRepositoryNames()) console.log(name);
   * ```
   */
  listRepositoryNames(options: OperationOptions = {}): PagedAsyncIterableIterator<string, Page<string>> {
    return repositories.listRepositoryNames(this.#connection, options);
  }

  /**
   * What the registry knows of a repository: times, counts, locks.
   *
   * @throws {ResourceNotFoundError} there is no such repository
   * @see ACR REST API, `GET /acr/v1/{name}`
   * @example
   * ```ts
   * const { tagCount, canDelete } = await client.getRepositoryProperties("team/app");
   * ```
   */
  getRepositoryProperties(
    repository: string,
    options: OperationOptions = {},
  ): Promise<repositories.ContainerRepositoryProperties> {
    return this.#span("getRepositoryProperties", options, (traced) =>
      repositories.getRepositoryProperties(this.#connection, repository, traced),
    );
  }

  /**
   * Sets a repository's locks; those left out stay as they are. Gives the properties as they are then.
   *
   * @throws {ResourceNotFoundError} there is no such repository
   * @see ACR REST API, `PATCH /acr/v1/{name}`
   * @example
   * ```ts
   * await client.updateRepositoryProperties("team/app", { canDelete: false });
   * await client.updateRepositoryProperties("team/app", { canDelete: true });
   * ```
   */
  updateRepositoryProperties(
    repository: string,
    options: repositories.UpdateRepositoryPropertiesOptions,
  ): Promise<repositories.ContainerRepositoryProperties> {
    return this.#span("updateRepositoryProperties", options, (traced) =>
      repositories.updateRepositoryProperties(this.#connection, repository, traced),
    );
  }

  /**
   * Deletes a repository with everything in it, and says what went. A repository that is not there counts as deleted.
   *
   * @throws {ResourceLockedError} the repository, or something in it, is locked
   * @see ACR REST API, `DELETE /acr/v1/{name}`
   * @example
   * ```ts
   * const { deletedTags } = await client.deleteRepository("team/old");
   * ```
   */
  deleteRepository(repository: string, options: OperationOptions = {}): Promise<repositories.DeleteRepositoryResult> {
    return this.#span("deleteRepository", options, (traced) =>
      repositories.deleteRepository(this.#connection, repository, traced),
    );
  }

  /**
   * What the registry knows of a repository's manifests, by digest or in the order asked for, fetched page by page.
   *
   * @throws {ResourceNotFoundError} while iterating: there is no such repository
   * @see ACR REST API, `GET /acr/v1/{name}/_manifests`
   * @example
   * ```ts
   * for await (const { digest, tags } of client.listManifestProperties("team/app", { order: "LastUpdatedOnDescending" })) {
   *   console.log(digest, tags);
   * }
   * ```
   */
  listManifestProperties(
    repository: string,
    options: manifestProperties.ListManifestPropertiesOptions = {},
  ): PagedAsyncIterableIterator<
    manifestProperties.ArtifactManifestProperties,
    Page<manifestProperties.ArtifactManifestProperties>
  > {
    return manifestProperties.listManifestProperties(this.#connection, repository, options);
  }

  /**
   * What the registry knows of one manifest. By tag, this takes a second request.
   *
   * @throws {ResourceNotFoundError} there is no such manifest, tag or repository
   * @see ACR REST API, `GET /acr/v1/{name}/_manifests/{digest}`
   * @example
   * ```ts
   * const { architecture, sizeInBytes } = await client.getManifestProperties("team/app", "v1");
   * ```
   */
  getManifestProperties(
    repository: string,
    tagOrDigest: string,
    options: OperationOptions = {},
  ): Promise<manifestProperties.ArtifactManifestProperties> {
    return this.#span("getManifestProperties", options, (traced) =>
      manifestProperties.getManifestProperties(this.#connection, repository, tagOrDigest, traced),
    );
  }

  /**
   * Sets a manifest's locks; those left out stay as they are. By tag, this takes a second request, and locks the manifest
   * the tag stands for, not the tag.
   *
   * @throws {ResourceNotFoundError} there is no such manifest, tag or repository
   * @see ACR REST API, `PATCH /acr/v1/{name}/_manifests/{digest}`
   * @example
   * ```ts
   * await client.updateManifestProperties("team/app", "v1", { canWrite: false, canDelete: false });
   * await client.updateManifestProperties("team/app", "v1", { canWrite: true, canDelete: true });
   * ```
   */
  updateManifestProperties(
    repository: string,
    tagOrDigest: string,
    options: manifestProperties.UpdateManifestPropertiesOptions,
  ): Promise<manifestProperties.ArtifactManifestProperties> {
    return this.#span("updateManifestProperties", options, (traced) =>
      manifestProperties.updateManifestProperties(this.#connection, repository, tagOrDigest, traced),
    );
  }

  /**
   * What the registry knows of a repository's tags, by name or in the order asked for, or only those of one manifest.
   *
   * @throws {ResourceNotFoundError} while iterating: there is no such repository
   * @see ACR REST API, `GET /acr/v1/{name}/_tags`
   * @example
   * ```ts
   * for await (const page of client.listTagProperties("team/app").byPage({ maxPageSize: 50 })) {
   *   console.log(page.map((tag) => tag.name), page.continuationToken);
   * }
   * ```
   */
  listTagProperties(
    repository: string,
    options: tags.ListTagPropertiesOptions = {},
  ): PagedAsyncIterableIterator<tags.ArtifactTagProperties, Page<tags.ArtifactTagProperties>> {
    return tags.listTagProperties(this.#connection, repository, options);
  }

  /**
   * What the registry knows of a tag.
   *
   * @throws {ResourceNotFoundError} there is no such tag or repository
   * @see ACR REST API, `GET /acr/v1/{name}/_tags/{tag}`
   * @example
   * ```ts
   * const { digest, lastUpdatedOn } = await client.getTagProperties("team/app", "v1");
   * ```
   */
  getTagProperties(
    repository: string,
    tag: string,
    options: OperationOptions = {},
  ): Promise<tags.ArtifactTagProperties> {
    return this.#span("getTagProperties", options, (traced) =>
      tags.getTagProperties(this.#connection, repository, tag, traced),
    );
  }

  /**
   * Sets a tag's locks; those left out stay as they are.
   *
   * @throws {ResourceNotFoundError} there is no such tag or repository
   * @see ACR REST API, `PATCH /acr/v1/{name}/_tags/{tag}`
   * @example
   * ```ts
   * await client.updateTagProperties("team/app", "v1", { canDelete: false });
   * await client.updateTagProperties("team/app", "v1", { canDelete: true });
   * ```
   */
  updateTagProperties(
    repository: string,
    tag: string,
    options: tags.UpdateTagPropertiesOptions,
  ): Promise<tags.ArtifactTagProperties> {
    return this.#span("updateTagProperties", options, (traced) =>
      tags.updateTagProperties(this.#connection, repository, tag, traced),
    );
  }

  /**
   * Takes a tag away; the manifest stays. A tag that is not there counts as deleted.
   *
   * @throws {ResourceLockedError} the tag or the repository is locked
   * @see ACR REST API, `DELETE /acr/v1/{name}/_tags/{tag}`
   * @example
   * ```ts
   * await client.deleteTag("team/app", "obsolete");
   * ```
   */
  deleteTag(repository: string, tag: string, options: OperationOptions = {}): Promise<void> {
    return this.#span("deleteTag", options, (traced) => tags.deleteTag(this.#connection, repository, tag, traced));
  }

  /**
   * Pushes a manifest, by `tag` if one is given. Its blobs must be in the repository already.
   *
   * An object is sent as compact JSON; pass bytes or text where the digest must come out as it was elsewhere.
   *
   * @throws {InvalidManifestError} not JSON, not a manifest, or of another type than `mediaType` says; nothing was sent
   * @throws {LimitError} larger than 4 MiB; nothing was sent
   * @throws {RegistryError} with code `MANIFEST_BLOB_UNKNOWN`: blobs are missing
   * @throws {ResourceLockedError} the tag, the manifest or the repository is locked
   * @throws {DigestMismatchError} the registry stored something else than was sent
   * @see OCI distribution-spec v1.1.1, "Pushing manifests"
   * @example
   * ```ts
   * const config = await client.uploadBlob("team/app", "{}");
   * const layer = await client.uploadBlob("team/app", "hello");
   * const { digest } = await client.setManifest(
   *   "team/app",
   *   {
   *     schemaVersion: 2,
   *     config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config.digest, size: config.sizeInBytes },
   *     layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layer.digest, size: layer.sizeInBytes }],
   *   },
   *   { tag: "v2" },
   * );
   * ```
   */
  setManifest(
    repository: string,
    manifest: manifests.ManifestInput,
    options: manifests.SetManifestOptions = {},
  ): Promise<manifests.SetManifestResult> {
    return this.#span("setManifest", options, (traced) =>
      manifests.setManifest(this.#connection, repository, manifest, traced),
    );
  }

  /**
   * Fetches a manifest: its exact bytes (`content`), verified, and what they say (`manifest`), typed by `kind`.
   *
   * @throws {ResourceNotFoundError} there is no such manifest, tag or repository
   * @throws {DigestMismatchError} what came is not what was asked for, or not what the registry says it is
   * @throws {InvalidManifestError} what came is no manifest, or of another type than the registry says
   * @throws {LimitError} larger than 4 MiB; reading stopped there
   * @see OCI distribution-spec v1.1.1, "Pulling manifests"
   * @example
   * ```ts
   * const result = await client.getManifest("team/app", "v1");
   * if (result.kind === "image") console.log(result.digest, result.manifest.layers.length);
   * ```
   */
  getManifest(
    repository: string,
    tagOrDigest: string,
    options: OperationOptions = {},
  ): Promise<manifests.GetManifestResult> {
    return this.#span("getManifest", options, (traced) =>
      manifests.getManifest(this.#connection, repository, tagOrDigest, traced),
    );
  }

  /**
   * Deletes a manifest **and every tag that stands for it**. One that is not there counts as deleted. By tag, this takes a
   * second request; to take away a tag alone, use `deleteTag`.
   *
   * @throws {ResourceLockedError} the manifest or the repository is locked
   * @see OCI distribution-spec v1.1.1, "Deleting manifests"
   * @example
   * ```ts
   * await client.deleteManifest("team/app", "obsolete");
   * ```
   */
  deleteManifest(repository: string, tagOrDigest: string, options: OperationOptions = {}): Promise<void> {
    return this.#span("deleteManifest", options, (traced) =>
      manifests.deleteManifest(this.#connection, repository, tagOrDigest, traced),
    );
  }

  /**
   * Uploads a blob, streamed: memory does not grow with the content. Gives the digest of what was sent.
   *
   * Two requests for content of up to 4 MiB, three for anything larger, which goes in one stream; in browsers one for each
   * 4 MiB, and in chunks as well where a registry refuses large requests. With `digest` it asks first, and sends nothing when
   * the blob is there; with `mountFrom` it links the blob from another repository where it can.
   *
   * When the connection breaks, it goes on from where the registry has come to. A registry that cannot say (ACR is one) gets
   * everything once more, for which the content must be had again: a stream that can be read once keeps its last 16 MiB, any
   * other content is opened anew. It is tried again `retryOptions.maxRetries` times in a row without getting any further. A
   * token that runs out on the way is renewed. On failure and on abort the upload is cancelled; nothing is left.
   *
   * @throws {InvalidInputError} `content` cannot be a body, or is a stream that has been read already
   * @throws {ContentReadError} `content` failed while it was read, or changed between two readings
   * @throws {DigestMismatchError} the content is not what `digest` says, or the registry stored something else
   * @throws {TransferTimeoutError} it took longer than `timeoutInMs`
   * @throws {RegistryError} `JOURNAL_FAILED`: the journal's folder cannot be written to; nothing was sent
   * @throws {UnsupportedError} a file or a journal in a browser
   * @see OCI distribution-spec v1.1.1, "Pushing blobs"
   * @example
   * ```ts
   * const { digest, sizeInBytes } = await client.uploadBlob("team/app", new TextEncoder().encode("hello"));
   * await client.uploadBlob("team/app", { path: "package.json" }, { onProgress: ({ kind }) => console.log(kind) });
   * ```
   */
  uploadBlob(repository: string, content: BlobContent, options: UploadBlobOptions = {}): Promise<UploadBlobResult> {
    return this.#span("uploadBlob", options, (traced) =>
      uploadBlob(this.#connection, this.#budget, parseRepositoryName(repository), content, traced),
    );
  }

  /**
   * Starts the download of a blob; read the result once, as a loop, a stream, bytes or a file. Verified as it flows.
   *
   * Two requests with ACR, which redirects to its blob store. Resumed by range when the connection drops, as often in a row
   * without progress as `retryOptions.maxRetries` says; a signed address that has expired is fetched anew. `toFile` fetches a
   * large blob in several ranges at a time, and goes on with what a process that was killed has left.
   *
   * @throws {ResourceNotFoundError} the repository has no such blob
   * @throws {AccessDeniedError} the registry, or the store that it redirects to, refuses this machine
   * @throws {DigestMismatchError} where it is read: what came is not this blob
   * @throws {TransferTimeoutError} also where it is read: it took longer than `timeoutInMs`
   * @see OCI distribution-spec v1.1.1, "Pulling blobs"
   * @example
   * ```ts
   * const { digest } = await client.uploadBlob("team/app", "hello");
   * const download = await client.downloadBlob("team/app", digest);
   * for await (const part of download) console.log(part.byteLength);
   * ```
   */
  downloadBlob(repository: string, digest: string, options: DownloadBlobOptions = {}): Promise<BlobDownload> {
    return this.#span("downloadBlob", options, (traced) =>
      startDownload(this.#connection, this.#budget, parseRepositoryName(repository), parseDigest(digest), traced),
    );
  }

  /**
   * Deletes a blob. One that is not there counts as deleted. Nothing checks whether a manifest still needs it.
   *
   * @see OCI distribution-spec v1.1.1, "Deleting Blobs"
   * @example
   * ```ts
   * const { digest } = await client.uploadBlob("team/app", "not needed after all");
   * await client.deleteBlob("team/app", digest);
   * ```
   */
  deleteBlob(repository: string, digest: string, options: OperationOptions = {}): Promise<void> {
    return this.#span("deleteBlob", options, (traced) =>
      blobs.deleteBlob(this.#connection, repository, digest, traced),
    );
  }

  /**
   * True when the repository has the blob. One request, without the content.
   *
   * @see OCI distribution-spec v1.1.1, "Checking if content exists in the registry"
   * @example
   * ```ts
   * const { digest } = await client.uploadBlob("team/app", "hello");
   * console.log(await client.blobExists("team/app", digest)); // true
   * ```
   */
  blobExists(repository: string, digest: string, options: OperationOptions = {}): Promise<boolean> {
    return this.#span(
      "blobExists",
      options,
      async (traced) =>
        (await blobs.findBlob(this.#connection, repository, digest, traced, "blobExists")) !== undefined,
    );
  }

  /**
   * Makes a blob of another repository of this registry part of this one without sending it. False when the registry does
   * not do that, or the other repository lacks it: upload it then.
   *
   * @see OCI distribution-spec v1.1.1, "Mounting a blob from another repository"
   * @example
   * ```ts
   * const { digest } = await client.uploadBlob("team/app", "shared layer");
   * const mounted = await client.mountBlob("team/other", digest, "team/app");
   * ```
   */
  mountBlob(
    repository: string,
    digest: string,
    fromRepository: string,
    options: OperationOptions = {},
  ): Promise<boolean> {
    return this.#span("mountBlob", options, (traced) =>
      mountBlob(this.#connection, repository, digest, fromRepository, traced),
    );
  }

  #span<O extends OperationOptions, T>(method: string, options: O, run: (options: O) => Promise<T>): Promise<T> {
    return tracingClient.withSpan(`ContainerRegistryClient.${method}`, options, (traced: O) =>
      run(traced),
    ) as Promise<T>;
  }
}
