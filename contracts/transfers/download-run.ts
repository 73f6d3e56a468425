import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BlobDownload, ContainerRegistryClient } from "@acrkit/client";
import { type Digest, digestOf } from "@acrkit/oci";
import { seededBytes } from "../content/seeded.ts";
import type { FaultyRegistry, Patient } from "../resilience/faulty-registry.ts";
import { Impatience } from "./giving-up.ts";
import { type Findings, judgeError, outcomeOf } from "./outcome.ts";
import { type Ending, ProgressWitness } from "./progress-witness.ts";
import { type DownloadScenario, mustSucceed } from "./scenario.ts";

/** Downloads as the scenario says, and looks at everything that can be told of it afterwards. */
export async function runDownload(
  scenario: DownloadScenario,
  { emulator }: FaultyRegistry,
  { client, faults, watchBytes }: Patient,
  folder: string,
  findings: Findings,
): Promise<string> {
  const { seed, sizeInBytes, replaces } = scenario;
  const repository = `download/${seed}`;
  const bytes = seededBytes(`download ${seed}`, sizeInBytes);
  const digest = await emulator.store.blobs.put(repository, bytes);
  const path = join(folder, "blob");
  if (replaces) await writeFile(path, "before");

  faults.add(scenario.faults.rules);
  using impatience = new Impatience(scenario.abort, watchBytes);
  const call = { client, repository, digest, bytes, path, abortSignal: impatience.signal };
  const downloaded = await Promise.all(
    Array.from({ length: scenario.twin ? 2 : 1 }, () => downloadOnce(scenario, call, findings)),
  );
  faults.clear();

  const names = await readdir(folder);
  const isWritten = scenario.form === "toFile" && downloaded.some(({ ending }) => ending === "done");
  findings.expect(names.join() === (isWritten || replaces ? "blob" : ""), `in the folder there is: ${names}`);
  if (replaces && !isWritten) findings.expect((await readFile(path, "utf8")) === "before", "the file was changed");
  const again = await (await client.downloadBlob(repository, digest)).bytes();
  findings.expect(digestOf(again) === digest, "read again by the same client: other bytes");
  for (const { witness, told } of downloaded) {
    findings.expect(witness.events.length === told, "events came behind the end");
  }
  return downloaded.map(({ outcome }) => outcome).join(", ");
}

interface DownloadCall {
  readonly client: ContainerRegistryClient;
  readonly repository: string;
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly path: string;
  readonly abortSignal: AbortSignal;
}

async function downloadOnce(
  scenario: DownloadScenario,
  { client, repository, digest, bytes, path, abortSignal }: DownloadCall,
  findings: Findings,
): Promise<{
  readonly ending: Ending;
  readonly outcome: string;
  readonly witness: ProgressWitness;
  readonly told: number;
}> {
  const { form, timeoutInMs, sizeInBytes } = scenario;
  const witness = new ProgressWitness();
  const { onProgress } = witness;
  // An answer that says another length, and keeps to it, is found out by the digest.
  let announced = sizeInBytes;
  let outcome = "done";
  let ending: Ending = "done";
  try {
    const timeout = timeoutInMs === undefined ? {} : { timeoutInMs };
    const download = await client.downloadBlob(repository, digest, { abortSignal, onProgress, ...timeout });
    findings.expect(download.digest === digest, "another blob is announced");
    announced = download.sizeInBytes;
    const read = await READERS[form](download, scenario, path);
    if (read === "left") [ending, outcome] = ["left", "left"];
    else findings.expect(Buffer.from(read).equals(bytes), `${read.byteLength} other bytes came without an error`);
  } catch (error) {
    [ending, outcome] = ["failed", outcomeOf(error)];
    judgeError(error, scenario, abortSignal, findings);
    findings.expect(!mustSucceed(scenario), `it should have got through: ${outcome}`);
  }
  findings.list.push(...witness.problems(ending, ending === "done" ? sizeInBytes : announced));
  return { ending, outcome, witness, told: witness.events.length };
}

type Reader = (download: BlobDownload, scenario: DownloadScenario, path: string) => Promise<Uint8Array | "left">;

const READERS: Readonly<Record<DownloadScenario["form"], Reader>> = {
  bytes: (download) => download.bytes(),
  loop: (download, { leavesAt }) => collected(download, leavesAt),
  stream: (download, { leavesAt }) => collected(download.stream(), leavesAt),
  async toFile(download, { parallel }, path) {
    await download.toFile(path, parallel === undefined ? {} : { parallel });
    return readFile(path);
  },
};

async function collected(source: AsyncIterable<Uint8Array>, leavesAt = Infinity): Promise<Uint8Array | "left"> {
  const parts: Uint8Array[] = [];
  let seen = 0;
  for await (const part of source) {
    seen += part.byteLength;
    if (seen > leavesAt) return "left";
    parts.push(part);
  }
  return Buffer.concat(parts);
}
