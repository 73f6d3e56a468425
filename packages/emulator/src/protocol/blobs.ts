import { emptyAnswer, textAnswer } from "./answers.ts";
import { type Call, digestOfCall, type OperationHandler, repositoryOf } from "./call.ts";
import { failure } from "./failure.ts";
import { assertBlobDeletable, assertReadable } from "./locks.ts";
import { signBlobUrl } from "./signed-url.ts";
import { unknownBlob } from "./unseen.ts";

/** 5.5 `GET /v2/NAME/blobs/DIGEST`: always a redirect to storage. Range is for storage to heed. */
export const getBlob: OperationHandler = (call) => {
  const digest = digestOfCall(call);
  findBlob(call);
  const { secret, registryId, scheme, clock } = call;
  const location = signBlobUrl(call.storageOrigin(call.request), digest, {
    secret,
    registryId,
    scheme,
    now: clock.now(),
  });
  const body = `<a href="${location.replaceAll("&", "&amp;")}">Temporary Redirect</a>.\n\n`;
  return textAnswer(307, "text/html; charset=utf-8", body, [
    ["Docker-Content-Digest", digest],
    ["Location", location],
  ]);
};

/** 5.6 `HEAD /v2/NAME/blobs/DIGEST`: 200 and the whole length, no redirect. */
export const headBlob: OperationHandler = (call) => {
  const size = findBlob(call);
  // Who is told that a blob is there does not push it, and its manifest may come much later.
  call.store.blobs.touch(repositoryOf(call), digestOfCall(call));
  return {
    status: 200,
    headers: [
      ["Content-Type", "application/octet-stream"],
      ["Content-Length", String(size)],
      ["Docker-Content-Digest", digestOfCall(call)],
    ],
  };
};

/** 5.7 `DELETE /v2/NAME/blobs/DIGEST` */
export const deleteBlob: OperationHandler = (call) => {
  const name = repositoryOf(call);
  const digest = digestOfCall(call);
  if (call.store.blobs.size(name, digest) === undefined) throw failure("BLOB_UNKNOWN");
  assertBlobDeletable(call.store, name, digest);
  call.store.blobs.unlink(name, digest);
  return emptyAnswer(202);
};

function findBlob(call: Call): number {
  const name = repositoryOf(call);
  const size = call.store.blobs.size(name, digestOfCall(call));
  if (size === undefined) throw unknownBlob();
  assertReadable(call.store.repositories.get(name));
  return size;
}
