import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type BlobsShape, makeLocalBlobs } from "../blobs/local-blobs.ts";
import { withWorkFolder } from "../blobs/work-folder.ts";
import type { LocalBlobs, Measured } from "../contenders/work.ts";
import type { Entrant } from "../field.ts";
import type { Distance } from "../proxy/line.ts";
import { interleaveThoseWhoCan, type Results } from "../rounds.ts";
import { assertThere, type ReachedServer, seed, withServer } from "./with-server.ts";

export type Direction = "upload" | "download";

/** What is moved, by whom, how often, over which distance. */
export interface TransferPlan {
  readonly direction: Direction;
  readonly shape: BlobsShape;
  readonly entrants: readonly Entrant[];
  readonly rounds: number;
  /** None is the loopback interface as it is. */
  readonly distance?: Distance;
}

const SEEDED = "bench/seeded";

/** Everyone moves the blobs once a round: one server, one set of files, each in turn. Who fails is named, and left out. */
export async function transferRounds(plan: TransferPlan): Promise<Results<string, Measured>> {
  const { direction, shape, entrants, rounds, distance } = plan;
  const byName = new Map(entrants.map((entrant) => [entrant.name, entrant]));
  return withWorkFolder(shape.count * shape.sizeInBytes, async (folder) => {
    const source = await makeLocalBlobs(join(folder, "blobs"), shape);
    return withServer(folder, distance, async (server) => {
      if (direction === "download") await seed(server.near, SEEDED, source);
      return interleaveThoseWhoCan([...byName.keys()], rounds, async (name, round) => {
        const entrant = byName.get(name) as Entrant;
        return direction === "upload"
          ? upload(entrant, server, source, round)
          : download(entrant, server, source, round, join(folder, "downloaded"));
      });
    });
  });
}

/** Each time into a repository that has nothing yet. */
async function upload(entrant: Entrant, { near, access }: ReachedServer, source: LocalBlobs, round: number) {
  const repository = `bench/${entrant.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "")}/${round}`;
  const measured = await entrant.measure(access, { kind: "upload", repository, source });
  await assertThere(near, repository, source);
  return measured;
}

async function download(entrant: Entrant, { access }: ReachedServer, source: LocalBlobs, round: number, into: string) {
  await mkdir(into);
  try {
    const measured = await entrant.measure(access, { kind: "download", repository: SEEDED, source, into });
    // Reading everything again takes as long as some downloads; once is enough to know that it works.
    await assertDownloaded(into, source, { read: round === 0 });
    return measured;
  } finally {
    await rm(into, { recursive: true });
  }
}

/** Whatever the names and folders: there have to be as many files of each blob's size, and the bytes of the first one. */
async function assertDownloaded(into: string, { blobs }: LocalBlobs, { read }: { readonly read: boolean }) {
  const [first] = blobs;
  const entries = await readdir(into, { recursive: true, withFileTypes: true });
  const files: string[] = [];
  for (const entry of entries.filter((found) => found.isFile())) {
    const path = join(entry.parentPath, entry.name);
    if ((await stat(path)).size === first?.sizeInBytes) files.push(path);
  }
  if (files.length !== blobs.length) throw new Error(`${files.length} of ${blobs.length} blobs have been written`);
  if (!read) return;
  const wanted = new Set(blobs.map(({ digest }) => digest));
  for (const file of files) {
    const digest = await digestOfFile(file);
    if (!wanted.delete(digest)) throw new Error(`what has been written is no blob that was asked for: ${digest}`);
  }
}

async function digestOfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  return `sha256:${hash.digest("hex")}`;
}
