import { isDigest } from "@acrkit/oci";
import type { ManifestRecord } from "../storage/records.ts";
import { bytesAnswer, emptyAnswer } from "./answers.ts";
import { type Call, type OperationHandler, parameter, repositoryOf } from "./call.ts";
import { failure } from "./failure.ts";
import { assertManifestDeletable, assertReadable } from "./locks.ts";
import { assertAcceptable } from "./manifest-accept.ts";
import { assertReleased } from "./quarantine.ts";
import { removeManifest } from "./removal.ts";
import { touchRepository } from "./repository.ts";
import { unknownTag } from "./unknown-tag.ts";
import { DELETE_TAKES_REFERRERS, unknownManifest, unknownRepository } from "./unseen.ts";

/** 4.2 `GET /v2/NAME/manifests/REF`: the stored bytes, exactly. */
export const getManifest: OperationHandler = (call) => {
  const { store, request } = call;
  const name = repositoryOf(call);
  const { manifest, tag } = resolve(call);
  assertAcceptable(manifest, request.headers.accept, tag);
  const content = store.manifests.content(name, manifest.digest);
  if (content === undefined) throw unknownManifest(manifest.digest);
  return bytesAnswer(200, manifest.mediaType, content, [
    ["Docker-Content-Digest", manifest.digest],
    ["ETag", `"${manifest.digest}"`],
  ]);
};

/** 4.3 `HEAD /v2/NAME/manifests/REF`: as GET, and the server sends no body. */
export const headManifest: OperationHandler = getManifest;

/** 4.5 `DELETE /v2/NAME/manifests/DIGEST`: takes the tags with it. */
export const deleteManifest: OperationHandler = (call) => {
  const { store } = call;
  const name = repositoryOf(call);
  const reference = parameter(call, "reference");
  // Said even when there is no such tag.
  if (!isDigest(reference)) throw failure("UNSUPPORTED", { message: "A manifest can only be deleted by digest." });
  const manifest = store.manifests.get(name, reference);
  if (manifest === undefined) throw unknownManifest(reference);
  const doomed = DELETE_TAKES_REFERRERS ? withReferrers(call, name, manifest) : [manifest];
  for (const one of doomed) assertManifestDeletable(store, name, one);
  store.transaction(() => {
    for (const one of doomed) removeManifest(call, name, one);
    touchRepository(call, name);
  });
  return emptyAnswer(202);
};

/** The manifest a reference names, and the tag when it was one. Locks against reading count at every level (chapter 6). */
function resolve(call: Call): { readonly manifest: ManifestRecord; readonly tag: string | undefined } {
  const { store } = call;
  const name = repositoryOf(call);
  const reference = parameter(call, "reference");
  const repository = store.repositories.get(name);
  if (repository === undefined) throw unknownRepository(name);
  const tag = isDigest(reference) ? undefined : store.tags.get(name, reference);
  const digest = isDigest(reference) ? reference : tag?.digest;
  const manifest = digest === undefined ? undefined : store.manifests.get(name, digest);
  if (manifest === undefined) throw isDigest(reference) ? unknownManifest(reference) : unknownTag(reference);
  assertReadable(repository, tag, manifest);
  assertReleased(call, name, manifest, tag?.name);
  return { manifest, tag: tag?.name };
}

/** The manifest and everything attached to it, directly or to what is attached. */
function withReferrers({ store }: Call, repository: string, manifest: ManifestRecord): readonly ManifestRecord[] {
  const found = new Map([[manifest.digest, manifest]]);
  for (const { digest } of found.values()) {
    // A Map's iteration goes on over what is added meanwhile; what is there already is not visited again.
    for (const referrer of store.manifests.referrers(repository, digest)) {
      if (!found.has(referrer.digest)) found.set(referrer.digest, referrer);
    }
  }
  return [...found.values()];
}
