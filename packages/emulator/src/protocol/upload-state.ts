import { createHmac, timingSafeEqual } from "node:crypto";

/** What `_state` says (5.1). `StartedAt` is RFC 3339: with a fraction at first, whole seconds afterwards. */
export interface UploadState {
  readonly Name: string;
  readonly UUID: string;
  readonly Offset: number;
  readonly StartedAt: string;
  /** Where chunks have a minimum: the one before was smaller, so it must have been the last. Not in a state of ACR. */
  readonly Ended?: boolean;
}

const MAC_BYTES = 32;

/** base64url, padded, of a 32-byte MAC and the JSON it signs (5.1). */
export function packUploadState(state: UploadState, secret: string): string {
  const { Name, UUID, Offset, StartedAt, Ended } = state;
  const json = Buffer.from(JSON.stringify({ Name, UUID, Offset, StartedAt, Ended }));
  const text = Buffer.concat([mac(json, secret), json]).toString("base64url");
  return text.padEnd(Math.ceil(text.length / 4) * 4, "=");
}

/** The state, or undefined when this registry never signed it. */
export function unpackUploadState(token: string, secret: string): UploadState | undefined {
  const bytes = Buffer.from(token, "base64url");
  if (bytes.length <= MAC_BYTES) return undefined;
  const json = bytes.subarray(MAC_BYTES);
  if (!timingSafeEqual(bytes.subarray(0, MAC_BYTES), mac(json, secret))) return undefined;
  return JSON.parse(json.toString("utf8")) as UploadState;
}

function mac(json: Buffer, secret: string): Buffer {
  return createHmac("sha256", secret).update(json).digest();
}
