import { type ByteSource, type Digest, isDigest, isVerifiable, parseChunkRange } from "@acrkit/oci";
import { emptyAnswer } from "./answers.ts";
import { shownTime } from "./attributes.ts";
import { type Call, type OperationHandler, repositoryOf } from "./call.ts";
import { failure } from "./failure.ts";
import { assertReadable, assertWritable } from "./locks.ts";
import type { EmulatorResponse } from "./message.ts";
import { limited, RequestTooLarge } from "./too-large.ts";
import {
  chunkTooSmall,
  lengthMismatch,
  lengthMissing,
  malformedContentRange,
  outOfOrder,
  uploadDigestMismatch,
  uploadDigestMissing,
} from "./unseen.ts";
import { uploadAnswer, uploadStatus, withUpload } from "./upload-session.ts";
import type { UploadState } from "./upload-state.ts";

/** 5.1 `POST /v2/NAME/blobs/uploads/`: starts an upload, or mounts a blob of another repository. */
export const startUpload: OperationHandler = async (call) => {
  const name = repositoryOf(call);
  assertWritable(call.store.repositories.get(name));
  const mounted = mount(call);
  if (mounted !== undefined) return mounted;
  // `?digest=` with the whole blob is not supported: the upload starts, and the body is thrown away (5.1).
  const uuid = await call.store.uploads.create();
  const startedAt = shownTime(call.clock.timestamp());
  return uploadAnswer(call, 202, { Name: name, UUID: uuid, Offset: 0, StartedAt: startedAt });
};

/** 5.2 `PATCH <Location>` */
export const patchUpload: OperationHandler = (call) =>
  withUpload(call, async (session, state) => {
    assertFits(call, call.maxPatchBytes);
    assertChunkRange(call, session.sizeInBytes);
    assertGoesOn(state);
    await session.append(bodyUpTo(call, call.maxPatchBytes));
    return uploadAnswer(call, 202, {
      ...state,
      Offset: session.sizeInBytes,
      ...(session.sizeInBytes - state.Offset < (call.minChunkBytes ?? 0) ? { Ended: true } : {}),
      StartedAt: state.StartedAt.replace(/\.\d+Z$/, "Z"),
    });
  });

/** 5.3 `PUT <Location>&digest=…`: the body is empty, the last chunk, or the whole blob. */
export const finishUpload: OperationHandler = (call) =>
  withUpload(call, async (session, state) => {
    assertFits(call, call.maxPutBytes);
    const name = repositoryOf(call);
    const digest = readDigest(call);
    assertChunkRange(call, session.sizeInBytes);
    // Most uploads end with an empty PUT, for which the file need not be opened.
    if (call.request.headers["content-length"] !== "0") {
      const received = session.sizeInBytes;
      await session.append(bodyUpTo(call, call.maxPutBytes));
      if (session.sizeInBytes > received) assertGoesOn(state);
    }
    assertWritable(call.store.repositories.get(name));
    if (!(await session.commit(name, digest))) {
      // A digest that does not fit throws the upload away; one that cannot be read does not (5.3, distribution).
      await session.discard();
      throw uploadDigestMismatch(digest);
    }
    return blobCreated(name, digest);
  });

/** 5.4 `GET <Location>` */
export const getUpload: OperationHandler = (call) =>
  call.resumableUploads
    ? uploadStatus(call)
    : withUpload(call, async (_session, state) => uploadAnswer(call, 204, state));

/** 5.4 `DELETE <Location>` */
export const cancelUpload: OperationHandler = (call) =>
  withUpload(call, async (session, { UUID }) => {
    await session.discard();
    return { status: 204, headers: [["Docker-Upload-Uuid", UUID]] };
  });

/** The proxy before the service looks at the announced length before it lets anything through. */
function assertFits({ request }: Call, maxBytes = Number.POSITIVE_INFINITY): void {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw new RequestTooLarge();
}

/** A body without an announced length is counted as it comes. */
function bodyUpTo({ request }: Call, maxBytes = Number.POSITIVE_INFINITY): ByteSource {
  return request.headers["content-length"] === undefined ? limited(request.body, maxBytes) : request.body;
}

/** A chunk below the minimum can only have been the last. */
function assertGoesOn({ Ended }: UploadState): void {
  if (Ended === true) throw chunkTooSmall();
}

/** 5.1: the token's right to pull from `from` has been checked with the call's scopes. */
function mount(call: Call): EmulatorResponse | undefined {
  const digest = call.request.query.get("mount") ?? "";
  const from = call.request.query.get("from") ?? "";
  if (!isDigest(digest) || from === "") return undefined;
  const size = call.store.blobs.size(from, digest);
  if (size === undefined) return undefined;
  assertReadable(call.store.repositories.get(from));
  call.store.blobs.link(repositoryOf(call), digest, size);
  return blobCreated(repositoryOf(call), digest);
}

function blobCreated(name: string, digest: Digest): EmulatorResponse {
  return emptyAnswer(201, [
    ["Docker-Content-Digest", digest],
    ["Location", `/v2/${name}/blobs/${digest}`],
  ]);
}

/** Content-Range may be left out; where it stands it must follow on what has arrived (5.2). */
function assertChunkRange({ request }: Call, received: number): void {
  const header = request.headers["content-range"];
  if (header === undefined) return;
  const range = parseChunkRange(header);
  if (range === undefined) throw malformedContentRange(header);
  if (range.first !== received) throw outOfOrder();
  const length = request.headers["content-length"];
  if (length === undefined) throw lengthMissing();
  if (Number(length) !== range.last - range.first + 1) throw lengthMismatch();
}

function readDigest({ request }: Call): Digest {
  const digest = request.query.get("digest") ?? "";
  if (digest === "") throw uploadDigestMissing();
  // Only these two can be computed, so no other digest can be read.
  if (!isDigest(digest) || !isVerifiable(digest)) {
    throw failure("DIGEST_INVALID", { detail: "digest parsing failed" });
  }
  return digest;
}
