import { Readable } from "node:stream";
import type { EmulatorResponse } from "./message.ts";

/** Lets go of a body that will not be sent, and of what is open for it. */
export async function closeBody(body: EmulatorResponse["body"]): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) return;
  if (body instanceof Readable) body.destroy();
  else await body[Symbol.asyncIterator]().return?.();
}
