import { createHash } from "node:crypto";
import { LoadClient, type Target } from "./client.ts";

/** What a server is given to do. */
export type Work =
  | {
      readonly kind: "push-file";
      readonly repository: string;
      readonly file: string;
      readonly sizeInBytes: number;
      readonly digest: string;
    }
  | { readonly kind: "pull-file"; readonly repository: string; readonly sizeInBytes: number; readonly digest: string }
  | {
      readonly kind: "push-blobs" | "pull-blobs";
      readonly repository: string;
      readonly count: number;
      readonly seed: string;
    }
  | { readonly kind: "get"; readonly path: string; readonly accept: string; readonly milliseconds: number };

/** Requests, or blobs, that are under way at a time. */
export const IN_FLIGHT = 16;

/** Bytes of each of the many blobs. */
export const SMALL_BLOB_BYTES = 4096;

/** Prepares the work, so that the function given back does nothing but ask the server; it gives how often it was done. */
export function prepare(target: Target, work: Work): () => Promise<number> {
  if (work.kind === "push-file") return () => pushFile(target, work);
  if (work.kind === "pull-file") return () => pullFile(target, work);
  if (work.kind === "get") return () => getForAWhile(target, work);
  const { kind, repository } = work;
  const blobs = Array.from({ length: work.count }, (_, index) => smallBlob(`${work.seed}/${index}`));
  return async () => {
    let next = 0;
    await inLanes(target, async (client) => {
      for (let blob = blobs[next++]; blob !== undefined; blob = blobs[next++]) {
        if (kind === "push-blobs") await client.push(repository, blob.digest, blob.content);
        else if (!(await client.pull(repository, blob.digest)).body.equals(blob.content))
          throw new Error("other bytes");
      }
    });
    return blobs.length;
  };
}

async function pushFile(
  target: Target,
  { repository, file, sizeInBytes, digest }: Extract<Work, { kind: "push-file" }>,
) {
  const client = new LoadClient(target);
  await client.push(repository, digest, { file, sizeInBytes });
  client.close();
  return 1;
}

/** The bytes are counted and thrown away: to hash them would take longer than to send them. */
async function pullFile(target: Target, { repository, sizeInBytes, digest }: Extract<Work, { kind: "pull-file" }>) {
  const client = new LoadClient(target);
  let arrived = 0;
  await client.pull(repository, digest, (part) => {
    arrived += part.byteLength;
  });
  client.close();
  if (arrived < sizeInBytes) throw new Error(`${arrived} of ${sizeInBytes} bytes arrived`);
  return 1;
}

async function getForAWhile(target: Target, { path, accept, milliseconds }: Extract<Work, { kind: "get" }>) {
  const end = performance.now() + milliseconds;
  const headers = `Accept: ${accept}\r\n`;
  let done = 0;
  await inLanes(target, async (client) => {
    while (performance.now() < end) {
      await client.get(path, headers);
      done++;
    }
  });
  return done;
}

async function inLanes(target: Target, run: (client: LoadClient) => Promise<void>): Promise<void> {
  const clients = Array.from({ length: IN_FLIGHT }, () => new LoadClient(target));
  await Promise.all(clients.map(run));
  for (const client of clients) client.close();
}

function smallBlob(seed: string): { readonly content: Buffer; readonly digest: string } {
  const content = createHash("shake256", { outputLength: SMALL_BLOB_BYTES }).update(seed).digest();
  return { content, digest: `sha256:${createHash("sha256").update(content).digest("hex")}` };
}
