import {
  type Digest,
  DigestMismatchError,
  digestAlgorithm,
  digestOf,
  InvalidInputError,
  isDigest,
  isVerifiable,
  MANIFEST_MEDIA_TYPES,
  MAX_MANIFEST_BYTES,
  type Manifest,
  type ParsedManifest,
  parseManifest,
  parseRepositoryName,
  parseTag,
  parseTagOrDigest,
} from "@acrkit/oci";
import type { OperationOptions } from "@azure/core-client";
import type { RegistryConnection } from "./connection.ts";
import { deleteOrAbsent, isAbsence } from "./delete.ts";

/** A manifest to push: the object, or its exact bytes. */
export type ManifestInput = Manifest | Uint8Array | string;

export interface SetManifestOptions extends OperationOptions {
  /** Names the manifest; a tag that exists is moved. Without it the manifest can be reached by digest only. */
  readonly tag?: string;
  /** The manifest's own `mediaType`, or what its shape says, when left out. */
  readonly mediaType?: string;
}

export interface SetManifestResult {
  readonly digest: Digest;
}

/** A manifest as it is stored, and as it reads. Switch on `kind`. */
export type GetManifestResult = ParsedManifest & {
  readonly digest: Digest;
  /** The exact bytes that have this digest. */
  readonly content: Uint8Array;
};

const ACCEPT = MANIFEST_MEDIA_TYPES.join(", ");

export async function setManifest(
  connection: RegistryConnection,
  repository: string,
  manifest: ManifestInput,
  options: SetManifestOptions,
): Promise<SetManifestResult> {
  const content = toManifestBytes(manifest);
  const { mediaType } = parseManifest(content, options.mediaType);
  const digest = digestOf(content);
  const response = await connection.send({
    method: "setManifest",
    operation: "putManifest",
    parameters: {
      name: parseRepositoryName(repository),
      reference: options.tag === undefined ? digest : parseTag(options.tag),
    },
    headers: { "content-type": mediaType },
    body: content,
    expected: [201],
    options,
  });
  const confirmed = response.headers.get("docker-content-digest");
  if (confirmed !== undefined && confirmed !== digest) {
    throw new DigestMismatchError(
      `setManifest of ${repository}: the registry stored ${confirmed}, but ${digest} was sent`,
      {
        expected: digest,
        actual: confirmed,
        bytesRead: content.byteLength,
      },
    );
  }
  return { digest };
}

export async function getManifest(
  connection: RegistryConnection,
  repository: string,
  tagOrDigest: string,
  options: OperationOptions,
): Promise<GetManifestResult> {
  const { digest, content, contentType } = await fetchManifest(
    connection,
    "getManifest",
    repository,
    tagOrDigest,
    options,
  );
  return { ...parseManifest(content, contentType), digest, content };
}

export async function deleteManifest(
  connection: RegistryConnection,
  repository: string,
  tagOrDigest: string,
  options: OperationOptions,
): Promise<void> {
  const method = "deleteManifest";
  const reference = parseTagOrDigest(tagOrDigest);
  const digest =
    "digest" in reference ? reference.digest : await resolveTag(connection, method, repository, reference.tag, options);
  if (digest === undefined) return;
  await deleteOrAbsent(connection, {
    method,
    operation: "deleteManifest",
    parameters: { name: parseRepositoryName(repository), reference: digest },
    reference: tagOrDigest,
    options,
  });
}

/**
 * The digest behind a tag; undefined when there is no such tag. By GET, whose 404 says what is missing and whose body proves
 * the digest: what is deleted next must not rest on a header alone.
 */
async function resolveTag(
  connection: RegistryConnection,
  method: string,
  repository: string,
  tag: string,
  options: OperationOptions,
): Promise<Digest | undefined> {
  try {
    return (await fetchManifest(connection, method, repository, tag, options)).digest;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

interface FetchedManifest {
  readonly digest: Digest;
  readonly content: Uint8Array;
  readonly contentType: string | undefined;
}

/** The bytes of a manifest, verified against the digest that was asked for and the one that the registry states. */
async function fetchManifest(
  connection: RegistryConnection,
  method: string,
  repository: string,
  tagOrDigest: string,
  options: OperationOptions,
): Promise<FetchedManifest> {
  const reference = parseTagOrDigest(tagOrDigest);
  const response = await connection.send({
    method,
    operation: "getManifest",
    parameters: { name: parseRepositoryName(repository), reference: tagOrDigest },
    headers: { accept: ACCEPT },
    expected: [200],
    answer: { maxBytes: MAX_MANIFEST_BYTES, what: `manifest ${tagOrDigest} of ${repository}` },
    options,
  });
  const content = await response.bytes();
  const stated = response.headers.get("docker-content-digest");
  if (stated !== undefined && !(isDigest(stated) && isVerifiable(stated))) {
    throw response.unexpected("its Docker-Content-Digest is no digest of sha256 or sha512");
  }
  const asked = "digest" in reference ? reference.digest : undefined;
  for (const expected of [asked, stated]) {
    const actual = expected && digestOf(content, digestAlgorithm(expected));
    if (actual === expected) continue;
    throw new DigestMismatchError(
      `${method} of ${repository}: the content of manifest ${tagOrDigest} should be ${expected}, but is ${actual}`,
      { expected: String(expected), actual, bytesRead: content.byteLength },
    );
  }
  return { digest: asked ?? stated ?? digestOf(content), content, contentType: response.headers.get("content-type") };
}

function toManifestBytes(manifest: ManifestInput): Uint8Array {
  if (manifest instanceof Uint8Array) return manifest;
  if (typeof manifest === "string") return new TextEncoder().encode(manifest);
  if (typeof manifest === "object" && manifest !== null && !Array.isArray(manifest)) {
    return new TextEncoder().encode(JSON.stringify(manifest));
  }
  throw new InvalidInputError("manifest", typeof manifest, "expected a manifest object, its bytes, or its text");
}
