import type { ByteSource } from "@acrkit/oci";
import type { EmulatorResponse } from "./message.ts";
import { proxyPage } from "./proxy-page.ts";

/** Ends a request whose body is larger than the service's front end lets through. */
export class RequestTooLarge extends Error {
  override readonly name = "RequestTooLarge";
}

/** 413 of the proxy before the service (reported: harbor#23015). */
export function tooLargeAnswer(): EmulatorResponse {
  return proxyPage(413, "413 Request Entity Too Large", { server: "AzureContainerRegistry" });
}

/** The bytes of `body`. @throws {RequestTooLarge} at the byte after the last one that is let through */
export async function* limited(body: ByteSource, maxBytes: number): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const part of body) {
    seen += part.byteLength;
    if (seen > maxBytes) throw new RequestTooLarge();
    yield part;
  }
}
