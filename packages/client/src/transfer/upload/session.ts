import { parseRepositoryName } from "@acrkit/oci";
import type { OperationOptions } from "@azure/core-client";
import type { RequestBodyType } from "@azure/core-rest-pipeline";
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
  /** Handed the watch over the request, once there is one. */
  readonly onStart?: (watch: () => IdleTimer | undefined) => void;
}

/**
 * One upload of one blob: POST opens it, PATCHes append, PUT commits, DELETE gives up.
 *
 * `Location` changes with every answer and is opaque: ACR keeps signed state in its query. It is sent back as it came, and
 * only to the registry itself.
 *
 * @see OCI distribution-spec v1.1.1, "Pushing blobs"
 */
export class UploadSession {
  readonly #connection: RegistryConnection;
  readonly #repository: string;
  readonly #method: string;
  #location: URL;

  private constructor(connection: RegistryConnection, repository: string, method: string, location: URL) {
    this.#connection = connection;
    this.#repository = repository;
    this.#method = method;
    this.#location = location;
  }

  static async start(
    connection: RegistryConnection,
    repository: string,
    method: string,
    options: OperationOptions,
  ): Promise<UploadSession> {
    const response = await connection.send({
      method,
      operation: "startUpload",
      parameters: { name: parseRepositoryName(repository) },
      expected: [202],
      options,
    });
    return UploadSession.from(connection, repository, method, response);
  }

  /** Takes over the session that a 202 has opened. */
  static from(
    connection: RegistryConnection,
    repository: string,
    method: string,
    response: RegistryResponse,
  ): UploadSession {
    const location = nextLocation(response, connection.endpoint);
    if (location === undefined) throw response.unexpected("the registry opened an upload without a Location");
    return new UploadSession(connection, repository, method, location);
  }

  /** Appends a chunk. Never sent twice: the registry may have taken it although the answer was lost. */
  async append(chunk: UploadBody, options: OperationOptions): Promise<void> {
    const response = await this.#send("patchUpload", this.#location, chunk, [201, 202, 204], options);
    this.#location = nextLocation(response, this.#connection.endpoint) ?? this.#location;
  }

  /**
   * Ends the upload of `sizeInBytes` in all, with the last or only bytes in the same request where there are any. Gives the
   * registry's digest.
   */
  async commit(
    digest: string,
    sizeInBytes: number,
    options: OperationOptions,
    rest: UploadBody = { body: new Uint8Array(), sizeInBytes: 0 },
  ): Promise<string | undefined> {
    // Only the digest is added: the rest of the query is the registry's own and must not be escaped anew.
    const url = new URL(this.#location);
    url.search = `${url.search === "" ? "?" : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
    const idleTimeoutInMs = this.#connection.idleTimeoutInMs + sizeInBytes / COMMIT_BYTES_PER_MS;
    const response = await this.#send("finishUpload", url, rest, [201, 204], options, idleTimeoutInMs);
    return response.headers.get("docker-content-digest");
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
    { body, sizeInBytes, onStart }: UploadBody,
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
