import type { Digest } from "@acrkit/oci";
import type { OperationOptions } from "@azure/core-client";
import type { BackOff } from "../../pipeline/back-off.ts";
import type { RedirectMemory } from "../../pipeline/call-context.ts";
import { findBlob } from "../../registry/blobs.ts";
import type { RegistryConnection } from "../../registry/connection.ts";
import type { RegistryResponse } from "../../registry/response.ts";

/** The client's method, as errors name it. */
export const METHOD = "downloadBlob";

/** Which blob, from where. */
export interface BlobAddress {
  readonly connection: RegistryConnection;
  readonly repository: string;
  readonly digest: Digest;
  /** With the signal that ends the whole download. */
  readonly options: OperationOptions & { readonly abortSignal: AbortSignal };
}

/** A blob that the registry has begun to send, and that can be asked for again, from any byte on. */
export interface OpenedBlob {
  readonly source: BlobSource;
  /** The answer to the first request: all of the blob. */
  readonly first: RegistryResponse;
}

/** Asks for the whole blob, and learns its size. */
export async function openBlob(address: BlobAddress): Promise<OpenedBlob> {
  const redirects: RedirectMemory = {};
  const first = await requestBlob(address, redirects, 0);
  // A body in HTTP's own chunks says no length; then a HEAD does.
  const sizeInBytes = first.contentLength ?? (await askForSize(address, first));
  if (sizeInBytes === undefined) {
    first.close();
    throw first.unexpected("the registry does not say how large the blob is (no Content-Length)");
  }
  return { first, source: new BlobSource(address, redirects, first, sizeInBytes) };
}

async function askForSize(address: BlobAddress, first: RegistryResponse): Promise<number | undefined> {
  const { connection, repository, digest, options } = address;
  try {
    return (await findBlob(connection, repository, digest, options, METHOD))?.sizeInBytes;
  } catch (error) {
    first.close();
    throw error;
  }
}

/** Gives parts of a blob, and proves of each that it is of the same blob as the first answer. */
export class BlobSource {
  readonly sizeInBytes: number;
  readonly #address: BlobAddress;
  readonly #redirects: RedirectMemory;
  readonly #entityTag: string | undefined;
  readonly #contentDigest: string | undefined;

  constructor(address: BlobAddress, redirects: RedirectMemory, first: RegistryResponse, sizeInBytes: number) {
    this.#address = address;
    this.#redirects = redirects;
    this.#entityTag = strongEntityTag(first);
    this.#contentDigest = first.headers.get("docker-content-digest");
    this.sizeInBytes = sizeInBytes;
  }

  get abortSignal(): AbortSignal {
    return this.#address.options.abortSignal;
  }

  get backOff(): BackOff {
    return this.#address.connection.backOff;
  }

  /** The answer to a request for the bytes from `from` up to `end`; a server that ignores ranges answers 200, with everything. */
  request(from: number, end = this.sizeInBytes): Promise<RegistryResponse> {
    return requestBlob(this.#address, this.#redirects, from, end === this.sizeInBytes ? undefined : end);
  }

  /**
   * @throws {UnexpectedResponseError} the answer is of another range, or of something else than the first answer was; it is
   * discarded
   */
  async check(response: RegistryResponse, from: number, end = this.sizeInBytes): Promise<void> {
    const problem = this.#rangeProblem(response, from, end) ?? this.#entityProblem(response);
    if (problem === undefined) return;
    await response.discard();
    throw response.unexpected(problem);
  }

  #rangeProblem(response: RegistryResponse, from: number, end: number): string | undefined {
    if (response.status === 200) return undefined;
    const range = response.headers.get("content-range");
    const found = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(range ?? "");
    if (
      found !== null &&
      Number(found[1]) === from &&
      Number(found[2]) === end - 1 &&
      (found[3] === "*" || Number(found[3]) === this.sizeInBytes)
    ) {
      return undefined;
    }
    return `the registry answered with the range ${range ?? "(none)"} instead of bytes ${from}-${end - 1}/${this.sizeInBytes}`;
  }

  #entityProblem(response: RegistryResponse): string | undefined {
    const entityTag = strongEntityTag(response);
    if (entityTag !== undefined && this.#entityTag !== undefined && entityTag !== this.#entityTag) {
      return `the blob changed while it was downloaded (ETag ${this.#entityTag} became ${entityTag})`;
    }
    const contentDigest = response.headers.get("docker-content-digest");
    if (contentDigest !== undefined && this.#contentDigest !== undefined && contentDigest !== this.#contentDigest) {
      return `the blob changed while it was downloaded (Docker-Content-Digest ${this.#contentDigest} became ${contentDigest})`;
    }
    return undefined;
  }
}

/** A weak one (`W/"…"`) promises the same meaning, not the same bytes. */
function strongEntityTag(response: RegistryResponse): string | undefined {
  const tag = response.headers.get("etag");
  return tag?.startsWith('"') === true ? tag : undefined;
}

function requestBlob(
  { connection, repository, digest, options }: BlobAddress,
  redirects: RedirectMemory,
  from: number,
  end?: number,
): Promise<RegistryResponse> {
  const isWhole = from === 0 && end === undefined;
  const range = `bytes=${from}-${end === undefined ? "" : end - 1}`;
  return connection.send({
    method: METHOD,
    operation: "getBlob",
    answer: "stream",
    parameters: { name: repository, digest },
    // Bytes as they are: compressed on the way they would not have this digest.
    headers: { "accept-encoding": "identity", ...(isWhole ? {} : { range }) },
    expected: isWhole ? [200] : [200, 206],
    redirects,
    options,
  });
}
