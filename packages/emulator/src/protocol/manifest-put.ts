import {
  collectBytes,
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestOf,
  isDigest,
  isForeign,
  isInvalidManifestError,
  isLimitError,
  isTag,
  isVerifiable,
  MAX_MANIFEST_BYTES,
  manifestContents,
  type ParsedManifest,
} from "@acrkit/oci";
import { readManifest } from "../storage/read-manifest.ts";
import { OPEN } from "../storage/records.ts";
import type { Store } from "../storage/store.ts";
import { emptyAnswer } from "./answers.ts";
import { type Call, type OperationHandler, parameter, repositoryOf } from "./call.ts";
import { isDeleted, restoreRepository } from "./deleted.ts";
import { type ErrorEntry, failure, failures } from "./failure.ts";
import { assertWritable } from "./locks.ts";
import { describeManifest } from "./manifest-record.ts";
import type { HeaderLine } from "./message.ts";
import { touchRepository } from "./repository.ts";
import { deletedDigestPushed, manifestDigestMismatch, manifestTooLarge } from "./unseen.ts";

/** 4.4 `PUT /v2/NAME/manifests/REF`: a tag that exists is moved; the first push makes the repository. */
export const putManifest: OperationHandler = async (call) => {
  const { store, clock, request } = call;
  const name = repositoryOf(call);
  const reference = parameter(call, "reference");
  const content = await readBody(call);
  const parsed = parse(content, request.headers["content-type"]);
  const digest = digestFor(content, reference);
  const now = clock.timestamp();
  const record = await describeManifest(store, name, { digest, size: content.byteLength, parsed, now });
  // Nothing awaits from here on: what is checked still holds when the manifest is written.
  assertContentsPresent(call, name, parsed);
  if (isDeleted(call, name, digest)) throw deletedDigestPushed(digest);
  const tag = isTag(reference) ? store.tags.get(name, reference) : undefined;
  assertWritable(store.repositories.get(name), tag, isTag(reference) ? undefined : store.manifests.get(name, digest));
  store.transaction(() => {
    restoreRepository(call, name);
    touchRepository(call, name);
    store.manifests.put(name, record, content);
    if (isTag(reference)) putTag(call, name, reference, digest);
  });
  const subject: HeaderLine[] = record.subject === undefined ? [] : [["OCI-Subject", record.subject]];
  return emptyAnswer(201, [
    ["Docker-Content-Digest", digest],
    ["Location", `/v2/${name}/manifests/${digest}`],
    ...subject,
  ]);
};

/** Sets a tag: a new one, or one that moves and keeps its attributes. */
export function putTag(
  { store, clock }: Pick<Call, "store" | "clock">,
  repository: string,
  name: string,
  digest: Digest,
): void {
  const now = clock.timestamp();
  const known = store.tags.get(repository, name);
  store.tags.put(repository, {
    name,
    digest,
    createdTime: known?.createdTime ?? now,
    lastUpdateTime: now,
    attributes: known?.attributes ?? OPEN,
  });
}

async function readBody({ request }: Call): Promise<Uint8Array> {
  try {
    return await collectBytes(request.body, MAX_MANIFEST_BYTES, "manifest");
  } catch (error) {
    throw isLimitError(error) ? manifestTooLarge() : error;
  }
}

/** Broken JSON, another mediaType than the Content-Type: the reason gets lost, as in the service (4.4). */
function parse(content: Uint8Array, contentType: string | undefined): ParsedManifest {
  try {
    return readManifest(content, contentType);
  } catch (error) {
    if (isInvalidManifestError(error)) throw failure("MANIFEST_INVALID", { detail: { Reason: {} } });
    throw error;
  }
}

function digestFor(content: Uint8Array, reference: string): Digest {
  if (!isDigest(reference)) return digestOf(content);
  if (!isVerifiable(reference)) throw manifestDigestMismatch();
  const digest = digestOf(content, digestAlgorithm(reference));
  if (digest !== reference) throw manifestDigestMismatch();
  return digest;
}

/** One error per missing blob, config first (4.4). */
function assertContentsPresent({ store }: Call, repository: string, parsed: ParsedManifest): void {
  const [first, ...others] = missingContents(store, repository, parsed).map(
    ({ digest }): ErrorEntry => ({ code: "MANIFEST_BLOB_UNKNOWN", detail: digest }),
  );
  if (first !== undefined) throw failures([first, ...others]);
}

/** What a manifest refers to and the repository has not; the members of a list are looked for among the manifests (4.4). */
export function missingContents(
  store: Store,
  repository: string,
  { kind, manifest }: ParsedManifest,
): readonly Descriptor[] {
  const isPresent = ({ digest }: Descriptor) =>
    kind === "index"
      ? store.manifests.get(repository, digest) !== undefined
      : store.blobs.size(repository, digest) !== undefined;
  return manifestContents(manifest).filter((descriptor) => !isForeign(descriptor) && !isPresent(descriptor));
}
