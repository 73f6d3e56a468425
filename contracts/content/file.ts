import { createReadStream } from "node:fs";
import { createDigester, type Digest } from "@acrkit/oci";

/** The digest of a file of any size. */
export async function digestOfFile(path: string): Promise<Digest> {
  const digester = createDigester();
  for await (const part of createReadStream(path, { highWaterMark: 1024 * 1024 })) digester.update(part);
  return digester.digest();
}
