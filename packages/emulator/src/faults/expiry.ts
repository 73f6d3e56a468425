import { collectBytes } from "@acrkit/oci";
import type { EmulatorRequest } from "../protocol/message.ts";

/** A token that no registry has signed: refused in the same words as one whose time is over. */
const EXPIRED_TOKEN = "expired";

/** Members of a token request that hold an older token. */
const TOKEN_MEMBERS = ["refresh_token", "access_token"];

/** As much as the token service reads itself. */
const MAX_FORM_BYTES = 1024 * 1024;

/** The request as the registry would take it if its token had expired, and whether there was one in it. */
export async function withExpiredToken(
  request: EmulatorRequest,
): Promise<{ readonly request: EmulatorRequest; readonly isExpired: boolean }> {
  const { authorization } = request.headers;
  if (authorization !== undefined && /^bearer /i.test(authorization)) {
    const headers = { ...request.headers, authorization: `Bearer ${EXPIRED_TOKEN}` };
    return { request: { ...request, headers }, isExpired: true };
  }
  const form = new URLSearchParams(Buffer.from(await collectBytes(request.body, MAX_FORM_BYTES, "form")).toString());
  const held = TOKEN_MEMBERS.filter((name) => (form.get(name) ?? "") !== "");
  for (const name of held) form.set(name, EXPIRED_TOKEN);
  const body = Buffer.from(form.toString());
  const headers = { ...request.headers, "content-length": String(body.byteLength) };
  return { request: { ...request, headers, body: single(body) }, isExpired: held.length > 0 };
}

/** The request as if its signed URL had run out long ago: the signature is for another time, which storage refuses alike. */
export function withExpiredUrl(request: EmulatorRequest): EmulatorRequest {
  const query = new URLSearchParams(request.query);
  query.set("se", "1970-01-01T00:00:00Z");
  return { ...request, query };
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
