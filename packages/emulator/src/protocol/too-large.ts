import type { ByteSource } from "@acrkit/oci";
import { textAnswer } from "./answers.ts";
import type { EmulatorResponse } from "./message.ts";

/** Ends a request whose body is larger than the service's front end lets through. */
export class RequestTooLarge extends Error {
  override readonly name = "RequestTooLarge";
}

/** The page of the proxy before the service, which knows nothing of the registry's errors (reported: harbor#23015). */
export function tooLargeAnswer(): EmulatorResponse {
  const title = "413 Request Entity Too Large";
  const lines = [
    "<html>",
    `<head><title>${title}</title></head>`,
    "<body>",
    `<center><h1>${title}</h1></center>`,
    "<hr><center>AzureContainerRegistry</center>",
    "</body>",
    "</html>",
    "",
  ];
  return textAnswer(413, "text/html", lines.join("\r\n"));
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
