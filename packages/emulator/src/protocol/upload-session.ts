import { formatUploadRange } from "@acrkit/oci";
import type { UploadSession } from "../storage/store.ts";
import { emptyAnswer } from "./answers.ts";
import { type Call, parameter, repositoryOf } from "./call.ts";
import { failure } from "./failure.ts";
import type { EmulatorResponse, HeaderLine } from "./message.ts";
import { unknownUpload } from "./unseen.ts";
import { packUploadState, type UploadState, unpackUploadState } from "./upload-state.ts";

/**
 * Takes hold of the call's upload, runs `work` on it and lets it go.
 *
 * The state must be the latest: it is compared with what has arrived. That is also why an upload cannot be resumed
 * (5.2): a PATCH that broke off left bytes behind, so the state sent before it no longer fits, and 404
 * BLOB_UPLOAD_INVALID is all the client hears. With `resumableUploads` any state of the upload will do.
 */
export async function withUpload(
  call: Call,
  work: (session: UploadSession, state: UploadState) => Promise<EmulatorResponse>,
): Promise<EmulatorResponse> {
  const state = stateOf(call);
  const session = await call.store.uploads.open(state.UUID);
  if (session === "unknown") throw unknownUpload();
  if (session === "busy") throw invalidUpload();
  try {
    if (session.sizeInBytes !== state.Offset && !call.resumableUploads) throw invalidUpload();
    return await work(session, { ...state, Offset: session.sizeInBytes });
  } finally {
    session.release();
  }
}

/** How far an upload is, where that can be asked at any time: also while a request that the client has given up still counts. */
export async function uploadStatus(call: Call): Promise<EmulatorResponse> {
  const state = stateOf(call);
  const received = await call.store.uploads.size(state.UUID);
  if (received === undefined) throw unknownUpload();
  return uploadAnswer(call, 204, { ...state, Offset: received });
}

/** @throws {RegistryFailure} this registry has not signed the state for this upload */
function stateOf(call: Call): UploadState {
  const state = unpackUploadState(call.request.query.get("_state") ?? "", call.secret);
  if (state === undefined || state.UUID !== parameter(call, "uuid") || state.Name !== repositoryOf(call)) {
    throw invalidUpload();
  }
  return state;
}

/** 5.2: the 202 of POST and PATCH, the 204 of GET. The Location holds the state to send next. */
export function uploadAnswer(call: Call, status: number, state: UploadState): EmulatorResponse {
  const { Name, UUID, Offset } = state;
  const token = encodeURIComponent(packUploadState(state, call.secret));
  const { minChunkBytes } = call;
  const headers: HeaderLine[] = [
    ...(minChunkBytes === undefined ? [] : [["OCI-Chunk-Min-Length", String(minChunkBytes)] as const]),
    ["Docker-Upload-Uuid", UUID],
    ["Location", `/v2/${Name}/blobs/uploads/${UUID}?_nouploadcache=false&_state=${token}`],
    ["Range", formatUploadRange(Offset)],
  ];
  return status === 204 ? { status, headers } : emptyAnswer(status, headers);
}

function invalidUpload() {
  return failure("BLOB_UPLOAD_INVALID");
}
