import { randomUUID } from "node:crypto";
import type { Digest } from "@acrkit/oci";
import { textAnswer } from "./answers.ts";
import { readByteRange } from "./byte-range.ts";
import type { RegistryContext } from "./context.ts";
import type { EmulatorRequest, EmulatorResponse, Handler, HeaderLine } from "./message.ts";
import { checkBlobUrl, digestOfPath } from "./signed-url.ts";

/** 5.5: the second origin, where blobs are downloaded by signed URL. It never throws. */
export function createStorageHandler(context: RegistryContext): Handler {
  return async (request) => {
    try {
      return answer(context, request);
    } catch (error) {
      return { ...storageFailure(500, "InternalError", "Server encountered an internal error."), failure: error };
    }
  };
}

function answer(context: RegistryContext, request: EmulatorRequest): EmulatorResponse {
  const { secret, registryId, scheme, clock, store } = context;
  // The surprise clients must know: a bearer token that is sent along makes the download fail (acr#217).
  if (request.headers.authorization !== undefined) {
    return storageFailure(
      400,
      "InvalidAuthenticationInfo",
      "Authentication information is not given in the correct format. Check the value of Authorization header.",
    );
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return storageFailure(405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb.");
  }
  const signature = checkBlobUrl(request.path, request.query, { secret, registryId, scheme, now: clock.now() });
  if (signature !== "valid") {
    return storageFailure(
      403,
      "AuthenticationFailed",
      "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.",
    );
  }
  const digest = digestOfPath(request.path);
  const size = digest === undefined ? undefined : store.blobs.sizeAnywhere(digest);
  if (digest === undefined || size === undefined) {
    return storageFailure(404, "BlobNotFound", "The specified blob does not exist.");
  }
  return blobAnswer(context, request, digest, size);
}

function blobAnswer(
  { store }: RegistryContext,
  request: EmulatorRequest,
  digest: Digest,
  size: number,
): EmulatorResponse {
  const etag = `"0x${digest.slice(-15).toUpperCase()}"`;
  const { "if-match": ifMatch = "*" } = request.headers;
  if (ifMatch !== "*" && ifMatch !== etag) {
    return storageFailure(
      412,
      "ConditionNotMet",
      "The condition specified using HTTP conditional header(s) is not met.",
    );
  }
  const range = readByteRange(request.headers["x-ms-range"] ?? request.headers.range, size);
  if (range === "unsatisfiable") {
    return storageFailure(416, "InvalidRange", "The range specified is invalid for the current size of the resource.", [
      ["Content-Range", `bytes */${size}`],
    ]);
  }
  const length = range === undefined ? size : range.end - range.start + 1;
  const partial: HeaderLine[] =
    range === undefined ? [] : [["Content-Range", `bytes ${range.start}-${range.end}/${size}`]];
  return {
    status: range === undefined ? 200 : 206,
    headers: storageHeaders([
      ["Content-Length", String(length)],
      ["Content-Type", "application/octet-stream"],
      ...partial,
      ["Last-Modified", LAST_MODIFIED],
      ["Accept-Ranges", "bytes"],
      ["ETag", etag],
      ["x-ms-lease-status", "unlocked"],
      ["x-ms-lease-state", "available"],
      ["x-ms-blob-type", "AppendBlob"],
      ["x-ms-blob-committed-block-count", "1"],
      ["x-ms-copy-progress", `${size}/${size}`],
      ["x-ms-copy-status", "success"],
      ["x-ms-server-encrypted", "true"],
    ]),
    body: request.method === "HEAD" || size === 0 ? undefined : store.blobs.open(digest, range),
  };
}

/** Blobs never change, and nothing asks when they came. */
const LAST_MODIFIED = "Thu, 11 May 2023 19:59:17 GMT";

function storageHeaders(headers: readonly HeaderLine[]): readonly HeaderLine[] {
  return [
    ...headers,
    ["Server", "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0"],
    ["x-ms-request-id", randomUUID()],
    ["x-ms-version", "2016-05-31"],
  ];
}

/** An error of Azure's blob storage. */
export function storageFailure(
  status: number,
  code: string,
  message: string,
  headers: readonly HeaderLine[] = [],
): EmulatorResponse {
  const xml = `\uFEFF<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return textAnswer(status, "application/xml", xml, storageHeaders([["x-ms-error-code", code], ...headers]));
}
