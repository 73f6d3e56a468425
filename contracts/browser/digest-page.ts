import { collectBytes, createDigester, type Digest, isDigestMismatchError, verifyBytes } from "@acrkit/oci";
import { CASES, cut, patternOf } from "./cases.ts";
import { report } from "./report.ts";

async function look(): Promise<object> {
  const digests = CASES.map(({ algorithm, sizeInBytes, pieceSize }) => {
    const digester = createDigester(algorithm);
    for (const piece of cut(patternOf(sizeInBytes), pieceSize)) digester.update(piece);
    return `${digester.sizeInBytes} ${digester.digest()}`;
  });
  const bytes = patternOf(100_000);
  const digester = createDigester();
  digester.update(bytes);
  const digest = digester.digest();
  return {
    userAgent: navigator.userAgent,
    digests,
    verified: `${await streamed(bytes, digest)}`,
    mismatch: `${await streamed(bytes.subarray(1), digest).catch((error: unknown) => isDigestMismatchError(error))}`,
  };
}

/** Through the browser's own stream, as a downloaded body would come. */
async function streamed(bytes: Uint8Array<ArrayBuffer>, digest: Digest): Promise<number> {
  const stream = new Blob([bytes]).stream();
  return (await collectBytes(verifyBytes(stream, { digest }), bytes.length, "content")).length;
}

await report(look);
