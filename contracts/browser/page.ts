import { collectBytes, createDigester, type Digest, isDigestMismatchError, verifyBytes } from "@acrkit/oci";
import { CASES, cut, patternOf } from "./cases.ts";

/** What the page found, for the test to read out of the document. */
export interface Findings {
  readonly userAgent: string;
  readonly digests: readonly string[];
  readonly verified: string;
  readonly mismatch: string;
}

async function look(): Promise<Findings> {
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

/** As much of the DOM as is used here; its whole library would make `window` a word in every other test. */
declare const document: {
  createElement(name: "pre"): { id: string; textContent: string };
  body: { append(element: object): void };
};

const output = document.createElement("pre");
output.id = "findings";
output.textContent = await look().then(JSON.stringify, (error: unknown) => JSON.stringify({ error: String(error) }));
document.body.append(output);
