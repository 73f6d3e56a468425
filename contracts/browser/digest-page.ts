import { collectBytes, createDigester, type Digest, isDigestMismatchError, verifyBytes } from "@acrkit/oci";
import { CASES, cut, patternOf } from "./cases.ts";
import { report } from "./report.ts";

declare const WebAssembly: {
  compile(bytes: ArrayBuffer): Promise<unknown>;
  instantiate(module: unknown): Promise<unknown>;
};

async function look(): Promise<object> {
  const compiled = watchCompilation();
  // Without an await in between: hashes that begin and end before WebAssembly is there.
  const early = digests();
  const outcome = await compiled;
  const bytes = patternOf(100_000);
  const digester = createDigester();
  digester.update(bytes);
  const digest = digester.digest();
  return {
    userAgent: navigator.userAgent,
    outcome,
    early,
    late: digests(),
    verified: `${await streamed(bytes, digest)}`,
    mismatch: `${await streamed(bytes.subarray(1), digest).catch((error: unknown) => isDigestMismatchError(error))}`,
  };
}

/** Whether the page is allowed to run the WebAssembly, which the first hash asks for. */
function watchCompilation(): Promise<string> {
  const { compile, instantiate } = WebAssembly;
  return new Promise((resolve) => {
    WebAssembly.compile = (bytes) => {
      const compiling = compile(bytes);
      compiling.catch((error: Error) => resolve(error.name));
      return compiling;
    };
    WebAssembly.instantiate = (module) => {
      const instantiating = instantiate(module);
      // Behind all that waits for it.
      instantiating.then(() => setTimeout(resolve, 0, "runs"));
      return instantiating;
    };
  });
}

function digests(): string[] {
  return CASES.map(({ algorithm, sizeInBytes, pieceSize }) => {
    const digester = createDigester(algorithm);
    for (const piece of cut(patternOf(sizeInBytes), pieceSize)) digester.update(piece);
    return `${digester.sizeInBytes} ${digester.digest()}`;
  });
}

/** Through the browser's own stream, as a downloaded body would come. */
async function streamed(bytes: Uint8Array<ArrayBuffer>, digest: Digest): Promise<number> {
  const stream = new Blob([bytes]).stream();
  return (await collectBytes(verifyBytes(stream, { digest }), bytes.length, "content")).length;
}

await report(look);
