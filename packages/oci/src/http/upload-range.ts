/**
 * The `Range` of an upload's answer, `0-<last byte>`, as the number of bytes that have arrived; undefined when unreadable.
 *
 * `0-0` is ambiguous: ACR sends it for an empty upload, where the OCI spec would mean one byte. `empty` says which it is:
 * right after the POST, nothing has been sent.
 *
 * @see OCI distribution-spec v1.1.1, "Pushing a blob in chunks"; the recorded upload blob-upload-small
 */
export function parseUploadRange(header: string, { empty = false } = {}): number | undefined {
  const found = /^(?:bytes=)?0-(\d{1,15})$/.exec(header.trim());
  if (found === null) return undefined;
  const last = Number(found[1]);
  return empty && last === 0 ? 0 : last + 1;
}

/** The `Range` header for an upload that has received `received` bytes. */
export function formatUploadRange(received: number): string {
  return `0-${Math.max(0, received - 1)}`;
}

/** A chunk's `Content-Range`: `<first>-<last>`, without the `bytes ` and `/total` of HTTP, which ACR refuses. */
export function formatChunkRange(offset: number, length: number): string {
  return `${offset}-${offset + length - 1}`;
}

/** First and last byte of a chunk's `Content-Range`, or undefined when it has another form. */
export function parseChunkRange(header: string): { readonly first: number; readonly last: number } | undefined {
  const found = /^(\d{1,15})-(\d{1,15})$/.exec(header.trim());
  if (found === null) return undefined;
  const [first, last] = [Number(found[1]), Number(found[2])];
  return first <= last ? { first, last } : undefined;
}
