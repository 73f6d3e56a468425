import { runtime } from "#runtime";
import type { BodyLimits } from "../../registry/body-limits.ts";
import type { OpenableContent } from "./content.ts";

const MEBIBYTE = 1024 * 1024;

/**
 * Content up to this size goes whole into the committing PUT, and so does the last chunk of a larger one: a request less.
 * ACR was reported to refuse a PUT of more than 20 MB, gateways are set to less; 4 MiB is what its own SDK sends, and far
 * beyond it a request more no longer shows.
 */
export const SINGLE_REQUEST_BYTES = 4 * MEBIBYTE;

/** Where bodies cannot be streamed, in browsers, chunks are smaller: a tab has little memory. */
const BROWSER_CHUNK_BYTES = 4 * MEBIBYTE;

/** A registry may ask for larger chunks than one would send; not for more than can be held. */
const LARGEST_MIN_CHUNK_BYTES = 64 * MEBIBYTE;

/**
 * How much of a stream that can be read once is kept, so that it can go on from where the registry has come to. On the way
 * are the buffers of two sockets, 4 and 6 MiB at the most with Linux's settings, of which bookkeeping takes a good part.
 */
export const KEPT_BYTES = 8 * MEBIBYTE;

/** What a streamed body has in hand: a piece that is read, one that waits, one that is written. */
const STREAM_BYTES = 2 * MEBIBYTE;

/**
 * How content too large for a single request goes: all in one streamed PATCH, or in chunks held in memory.
 *
 * The stream costs one round trip, however large the content, and is what docker, crane and skopeo send to ACR. Chunks cost
 * one each, and buy nothing on ACR, which forgets an upload that broke off either way. They are for where a stream cannot be
 * sent or is not taken, and for who asks for them.
 */
export interface BodyPlan {
  readonly streams: boolean;
  readonly chunkBytes: number;
  /** What a chunk that is not the last must have at least. */
  readonly minChunkBytes: number;
}

export interface PlanParts {
  readonly limits: BodyLimits;
  /** What the caller has asked for. */
  readonly chunkSizeInBytes: number | undefined;
  /** True once a stream of this very upload was cut; it may have been too large for somebody who did not say so. */
  readonly streamFailed: boolean;
  /** `OCI-Chunk-Min-Length`. */
  readonly minChunkBytes: number;
}

export function planBody({ limits, chunkSizeInBytes, streamFailed, minChunkBytes }: PlanParts): BodyPlan {
  const canStream = runtime.streamBody !== undefined;
  const wanted = chunkSizeInBytes ?? Number.POSITIVE_INFINITY;
  const most = canStream ? limits.chunkBytes : Math.min(limits.chunkBytes, BROWSER_CHUNK_BYTES);
  const least = minChunkBytes <= LARGEST_MIN_CHUNK_BYTES ? minChunkBytes : 0;
  return {
    streams: canStream && limits.takesStreams && chunkSizeInBytes === undefined && !streamFailed,
    chunkBytes: Math.max(Math.min(wanted, most), least),
    minChunkBytes: least,
  };
}

/** What may go into one request, whole. */
export function singleRequestBytes({ chunkBytes }: BodyPlan): number {
  return Math.min(SINGLE_REQUEST_BYTES, chunkBytes);
}

/** How much an upload holds in memory at a time, at the most. */
export function heldBytes({ streams, chunkBytes }: BodyPlan, { sizeInBytes, reopenable }: OpenableContent): number {
  // One chunk on its way, one being read.
  const most = (streams ? STREAM_BYTES : 2 * chunkBytes) + (reopenable ? 0 : KEPT_BYTES);
  return Math.min(most, sizeInBytes ?? Number.POSITIVE_INFINITY);
}
