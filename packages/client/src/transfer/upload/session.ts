import { type Digest, formatChunkRange, parseRepositoryName, parseUploadRange } from "@acrkit/oci";
import type { OperationOptions } from "@azure/core-client";
import type { RequestBodyType } from "@azure/core-rest-pipeline";
import { ClientAuthenticationError } from "../../errors/registry-error.ts";
import { throwIfAborted, toAbortSignal } from "../../pipeline/abort-signal.ts";
import type { IdleTimer } from "../../pipeline/idle-timer.ts";
import type { RegistryConnection } from "../../registry/connection.ts";
import type { RegistryResponse } from "../../registry/response.ts";

/** Before it answers the commit, a registry may hash the whole blob again, or copy it; some do no more than this. */
const COMMIT_BYTES_PER_MS = 20_000;

/** A session that cannot be cancelled expires by itself; nobody should wait long for the courtesy. */
const CANCEL_TIMEOUT_IN_MS = 5_000;

/** What is sent in one request. */
export interface UploadBody {
  readonly body: RequestBodyType;
  /** Undefined for a stream of unknown length. */
  readonly sizeInBytes: number | undefined;
  /** Says where in the blob it belongs, so that a registry that stands elsewhere refuses it. Not for a stream of unknown length. */
  readonly ranged: boolean;
  /** Handed the watch over the request, once there is one. */
  readonly onStart?: (watch: () => IdleTimer | undefined) => void;
}

/** Another repository that may have the blob. */
export interface MountSource {
  readonly digest: Digest;
  readonly from: string;
}

/** What of a session outlives its process. */
export interface SessionState {
  /** Where the next request goes. */
  readonly location: string;
  /** How much has arrived, by the registry's own word. */
  readonly confirmedBytes: number;
  /** `OCI-Chunk-Min-Length`: what a chunk that is not the last must have at least. 0 when the registry does not say. */
  readonly minChunkBytes: number;
}

/**
 * One upload of one blob: POST opens it, PATCHes append, PUT commits, GET asks how far it has come, DELETE gives up.
 *
 * `Location` changes with every answer and is opaque: ACR keeps signed state in its query. It is sent back as it came, and
 * only to the registry itself.
 *
 * @see OCI distribution-spec v1.1.1, "Pushing blobs"
 */
export class UploadSession implements SessionState {
  readonly minChunkBytes: number;
  readonly #connection: RegistryConnection;
  readonly #repository: string;
  readonly #method: string;
  #location: URL;
  #confirmedBytes = 0;

  private constructor(
    connection: RegistryConnection,
    repository: string,
    method: string,
    location: URL,
    minChunkBytes: number,
  ) {
    this.#connection = connection;
    this.#repository = repository;
    this.#method = method;
    this.#location = location;
    this.minChunkBytes = minChunkBytes;
  }

  /** Opens an upload; undefined when the registry has mounted the blob instead. */
  static async start(
    connection: RegistryConnection,
    repository: string,
    method: string,
    options: OperationOptions,
    mount?: MountSource,
  ): Promise<UploadSession | undefined> {
    const response = await connection.send({
      method,
      operation: "startUpload",
      parameters: { name: parseRepositoryName(repository) },
      ...(mount === undefined
        ? {}
        : { reference: mount.digest, query: { mount: mount.digest, from: mount.from }, mountFrom: mount.from }),
      expected: mount === undefined ? [202] : [201, 202],
      options,
    });
    if (response.status === 201) return undefined;
    const location = nextLocation(response, connection.endpoint);
    if (location === undefined) throw response.unexpected("the registry opened an upload without a Location");
    const minChunkBytes = Number(/^\d{1,15}$/.exec(response.headers.get("oci-chunk-min-length") ?? "")?.[0] ?? 0);
    return new UploadSession(connection, repository, method, location, minChunkBytes);
  }

  /** Takes up an upload that another process began; undefined when its address is none of this registry's. */
  static resume(
    connection: RegistryConnection,
    repository: string,
    method: string,
    { location, confirmedBytes, minChunkBytes }: SessionState,
  ): UploadSession | undefined {
    const url = URL.canParse(location) ? new URL(location) : undefined;
    if (url?.origin !== connection.endpoint.origin) return undefined;
    const session = new UploadSession(connection, repository, method, url, minChunkBytes);
    session.#confirmedBytes = confirmedBytes;
    return session;
  }

  get location(): string {
    return this.#location.href;
  }

  get confirmedBytes(): number {
    return this.#confirmedBytes;
  }

  /** Appends to what has been confirmed. Never sent twice: the registry may have taken it although the answer was lost. */
  async append(chunk: UploadBody, sentBytes: () => number, options: OperationOptions): Promise<void> {
    const response = await this.#send("patchUpload", this.#location, chunk, [201, 202, 204], options);
    this.#location = nextLocation(response, this.#connection.endpoint) ?? this.#location;
    this.#confirmedBytes += sentBytes();
  }

  /**
   * Ends the upload of `sizeInBytes` in all, with the last or only bytes in the same request where there are any. Gives the
   * registry's digest.
   */
  async commit(
    digest: string,
    sizeInBytes: number,
    options: OperationOptions,
    rest: UploadBody = { body: new Uint8Array(), sizeInBytes: 0, ranged: false },
  ): Promise<string | undefined> {
    // Only the digest is added: the rest of the query is the registry's own and must not be escaped anew.
    const url = new URL(this.#location);
    url.search = `${url.search === "" ? "?" : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
    const idleTimeoutInMs = this.#connection.idleTimeoutInMs + sizeInBytes / COMMIT_BYTES_PER_MS;
    const response = await this.#send("finishUpload", url, rest, [201, 204], options, idleTimeoutInMs);
    return response.headers.get("docker-content-digest");
  }

  /**
   * Asks how far the upload has come. False when the registry does not know it any more, or cannot say.
   *
   * A single byte and none look the same (`Range: 0-0`). Right after a request that was refused unread, it is what had been
   * confirmed before; otherwise nobody can tell, and so little is not worth a guess.
   *
   * @throws {ClientAuthenticationError} it may not be asked: sending more would be refused as well
   */
  async locate(options: OperationOptions, { unread }: { readonly unread: boolean }): Promise<boolean> {
    let response: RegistryResponse;
    try {
      response = await this.#connection.send({
        method: this.#method,
        operation: "getUpload",
        parameters: { name: this.#repository, uuid: "" },
        url: this.#location,
        expected: [200, 202, 204],
        options,
      });
    } catch (error) {
      throwIfAborted(toAbortSignal(options.abortSignal));
      if (error instanceof ClientAuthenticationError) throw error;
      return false;
    }
    const range = response.headers.get("range");
    const received = range === undefined ? undefined : parseUploadRange(range);
    if (received === undefined) return false;
    if (received === 1 && this.#confirmedBytes !== 1) {
      if (this.#confirmedBytes !== 0 || !unread) return false;
    } else this.#confirmedBytes = received;
    this.#location = nextLocation(response, this.#connection.endpoint) ?? this.#location;
    return true;
  }

  /** Gives the session up, so that the registry can free what it holds. Never fails, and does not heed the caller's abort. */
  async cancel(options: OperationOptions): Promise<void> {
    const { tracingOptions } = options;
    try {
      await this.#connection.send({
        method: this.#method,
        operation: "cancelUpload",
        parameters: { name: this.#repository, uuid: "" },
        url: this.#location,
        expected: [200, 202, 204],
        repeatable: false,
        options: {
          abortSignal: AbortSignal.timeout(CANCEL_TIMEOUT_IN_MS),
          ...(tracingOptions === undefined ? {} : { tracingOptions }),
        },
      });
    } catch {
      // A session that is gone already is fine, and otherwise the failure that led here is the one to report.
    }
  }

  #send(
    operation: "patchUpload" | "finishUpload",
    url: URL,
    { body, sizeInBytes, ranged, onStart }: UploadBody,
    expected: readonly number[],
    options: OperationOptions,
    idleTimeoutInMs = this.#connection.idleTimeoutInMs,
  ): Promise<RegistryResponse> {
    return this.#connection.send({
      method: this.#method,
      operation,
      parameters: { name: this.#repository, uuid: "" },
      url,
      headers: {
        "content-type": "application/octet-stream",
        ...(sizeInBytes === undefined ? {} : { "content-length": String(sizeInBytes) }),
        ...(ranged && sizeInBytes !== undefined && sizeInBytes > 0
          ? { "content-range": formatChunkRange(this.#confirmedBytes, sizeInBytes) }
          : {}),
      },
      body,
      expected,
      repeatable: false,
      idleTimeoutInMs,
      options,
      ...(onStart === undefined ? {} : { onStart }),
    });
  }
}

/** The answer's `Location`, relative or absolute; content goes to no other place than the registry. */
function nextLocation(response: RegistryResponse, endpoint: URL): URL | undefined {
  const header = response.headers.get("location");
  if (header === undefined) return undefined;
  let url: URL;
  try {
    url = new URL(header, endpoint);
  } catch {
    throw response.unexpected("the upload's Location is no URL");
  }
  if (url.origin !== endpoint.origin)
    throw response.unexpected(`the upload's Location leads to ${url.origin}, not to the registry`);
  return url;
}
