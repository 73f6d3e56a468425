import type { ByteSource } from "@acrkit/oci";
import { delay } from "@azure/core-util";
import { TransportError } from "../../errors/registry-error.ts";
import { logger } from "../../logger.ts";
import type { RegistryResponse } from "../../registry/response.ts";

/** Drops with next to nothing in between, after which the connection is given up. */
const MAX_DROPS_IN_A_ROW = 3;

/** So much between two drops counts as progress: a connection that breaks after every few bytes would never end. */
const PROGRESS_BYTES = 64 * 1024;

/** Before the first resume; doubled with every drop in a row. */
const RESUME_PAUSE_IN_MS = 200;

/** The bytes of `first`, and behind a drop those that are missing, after a pause, for as long as some progress is made. */
export async function* resumed(
  first: RegistryResponse,
  sizeInBytes: number,
  resume: (offset: number) => Promise<RegistryResponse>,
  abortSignal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let offset = 0;
  let drops = 0;
  let lastDrop = 0;
  let parts = first.body();
  try {
    for (;;) {
      const next = await parts.next().catch((error: unknown) => {
        if (!(error instanceof TransportError)) throw error;
        drops = offset - lastDrop >= PROGRESS_BYTES ? 1 : drops + 1;
        lastDrop = offset;
        if (drops > MAX_DROPS_IN_A_ROW) throw error;
        return { dropped: error };
      });
      if (!("dropped" in next)) {
        // A body that ends early without an error is left to the verification: what is missing would not come by asking again.
        if (next.done === true) return;
        offset += next.value.byteLength;
        yield next.value;
        continue;
      }
      // Everything is there; whether it is right, the verification says.
      if (offset >= sizeInBytes) return;
      logger.info(`download resumes at byte ${offset} of ${sizeInBytes}: ${next.dropped.message}`);
      await delay(RESUME_PAUSE_IN_MS * 2 ** (drops - 1), { abortSignal });
      parts = await bodyFrom(await resume(offset), offset, sizeInBytes);
    }
  } finally {
    await parts.return();
  }
}

/** The body from `offset` on. A server that ignores the range sends everything again: what was read already is skipped. */
async function bodyFrom(
  response: RegistryResponse,
  offset: number,
  sizeInBytes: number,
): Promise<AsyncGenerator<Uint8Array, void, undefined>> {
  if (response.status === 200) return skipped(response.body(), offset);
  const range = response.headers.get("content-range");
  if (range?.startsWith(`bytes ${offset}-`) === true && (range.endsWith(`/${sizeInBytes}`) || range.endsWith("/*"))) {
    return response.body();
  }
  await response.discard();
  throw response.unexpected(`the registry answered with the range ${range ?? "(none)"} instead of bytes ${offset}-`);
}

async function* skipped(parts: ByteSource, count: number): AsyncGenerator<Uint8Array, void, undefined> {
  let left = count;
  for await (const part of parts) {
    if (left >= part.byteLength) left -= part.byteLength;
    else {
      yield left === 0 ? part : part.subarray(left);
      left = 0;
    }
  }
}
