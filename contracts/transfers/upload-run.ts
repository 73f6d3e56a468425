import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type BlobContent,
  type ContainerRegistryClient,
  TransferTimeoutError,
  type UploadBlobOptions,
} from "@acrkit/client";
import { type Digest, digestOf } from "@acrkit/oci";
import { seededBytes } from "../content/seeded.ts";
import type { FaultyRegistry, Patient } from "../resilience/faulty-registry.ts";
import { Impatience } from "./giving-up.ts";
import { type Findings, judgeError, outcomeOf } from "./outcome.ts";
import { ProgressWitness } from "./progress-witness.ts";
import { mustSucceed, type UploadScenario } from "./scenario.ts";
import { sourceOf } from "./source.ts";

/** Uploads as the scenario says, and looks at everything that can be told of it afterwards. */
export async function runUpload(
  scenario: UploadScenario,
  registry: FaultyRegistry,
  patient: Patient,
  folder: string,
  findings: Findings,
): Promise<string> {
  const { seed, sizeInBytes } = scenario;
  const { emulator } = registry;
  const { faults, acts } = patient;
  const bytes = seededBytes(`upload ${seed}`, sizeInBytes);
  const blob: Blob = { repository: `upload/${seed}`, bytes, digest: digestOf(bytes), other: digestOf(OTHER) };
  if (scenario.isThere) await emulator.store.blobs.put(blob.repository, bytes);
  if (scenario.mountFrom === "there") await emulator.store.blobs.put(sourceOfMount(blob), bytes);
  const journal = join(folder, "journal");
  if (scenario.journal) await mkdir(journal);
  const sources: BlobContent[] = [];
  for (let count = 0; count < (scenario.twin ? 2 : 1); count++) sources.push(await sourceOf(scenario, bytes, folder));

  faults.add(scenario.faults.rules);
  using impatience = new Impatience(scenario.abort, patient.watchBytes);
  const { signal } = impatience;
  const uploaded = await Promise.all(
    sources.map((source) => uploadOnce(scenario, blob, source, journal, patient.client, signal, findings)),
  );
  const fired = [...faults.fired];
  faults.clear();

  const isDone = uploaded.some(({ failure }) => failure === undefined);
  await expectExactBlob(scenario, blob, registry, patient, isDone, findings);
  const isCutShort = signal.aborted || uploaded.some(({ failure }) => failure instanceof TransferTimeoutError);
  await expectNoSession(emulator, acts, fired, isCutShort, findings);
  const left = scenario.journal ? await readdir(journal) : [];
  findings.expect(left.length === 0, `the journal holds ${left}`);
  for (const { witness, told } of uploaded) {
    findings.expect(witness.events.length === told, "events came behind the end");
  }
  return uploaded.map(({ failure }) => outcomeOf(failure)).join(", ");
}

interface Blob {
  readonly repository: string;
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  /** Of something that nobody has sent. */
  readonly other: Digest;
}

const OTHER = seededBytes("something else", 10);
const sourceOfMount = ({ repository }: Blob) => `${repository}/source`;

async function uploadOnce(
  scenario: UploadScenario,
  blob: Blob,
  source: BlobContent,
  journal: string,
  client: ContainerRegistryClient,
  abortSignal: AbortSignal,
  findings: Findings,
): Promise<{ readonly failure: unknown; readonly witness: ProgressWitness; readonly told: number }> {
  const { repository, bytes, digest, other } = blob;
  const { chunkSizeInBytes, timeoutInMs, sizeInBytes } = scenario;
  const witness = new ProgressWitness();
  const options: UploadBlobOptions = {
    abortSignal,
    onProgress: witness.onProgress,
    ...(chunkSizeInBytes === undefined ? {} : { chunkSizeInBytes }),
    ...(scenario.digest === undefined ? {} : { digest: scenario.digest === "right" ? digest : other }),
    ...(scenario.journal ? { journal } : {}),
    ...(scenario.mountFrom === undefined ? {} : { mountFrom: sourceOfMount(blob) }),
    ...(timeoutInMs === undefined ? {} : { timeoutInMs }),
  };
  let failure: unknown;
  try {
    const result = await client.uploadBlob(repository, source, options);
    const isRight = result.digest === digest && result.sizeInBytes === bytes.byteLength;
    findings.expect(isRight, `the result is ${JSON.stringify(result)} instead of ${digest}, ${sizeInBytes} bytes`);
  } catch (error) {
    failure = error;
    judgeError(error, scenario, abortSignal, findings);
    findings.expect(!mustSucceed(scenario), `it should have got through: ${outcomeOf(error)}`);
  }
  findings.list.push(...witness.problems(failure === undefined ? "done" : "failed", sizeInBytes));
  return { failure, witness, told: witness.events.length };
}

/** What the registry has, asked by the client that met the faults: it is as good as any other. */
async function expectExactBlob(
  scenario: UploadScenario,
  { repository, digest, other }: Blob,
  { calm }: FaultyRegistry,
  { client, acts }: Patient,
  isDone: boolean,
  findings: Findings,
): Promise<void> {
  const exists = await client.blobExists(repository, digest);
  findings.expect(exists || !isDone, "it is done, but the blob is not there");
  if (exists) {
    const back = await (await client.downloadBlob(repository, digest)).bytes();
    findings.expect(digestOf(back) === digest, "the blob is there, but other bytes");
  }
  const commits = acts.filter(({ method, status, path }) => method === "PUT" && status === 201 && isUpload(path));
  for (const { query } of commits) {
    findings.expect(query.get("digest") === digest, `something else was committed: ${query.get("digest")}`);
  }
  const mustNotCommit = scenario.failsAt !== undefined || scenario.digest === "wrong";
  findings.expect(!mustNotCommit || commits.length === 0, "what must not be committed was committed");
  findings.expect(!(await calm.blobExists(repository, other)), "a blob is there that was never sent");
}

const isUpload = (path: string) => path.includes("/blobs/uploads/");

/**
 * No session stays that the client could have given up. It could not where it was told to stop before it heard of it, or
 * where a fault hit the answer that opened it or the request that ends it, or kept its token from it.
 */
async function expectNoSession(
  emulator: FaultyRegistry["emulator"],
  acts: Patient["acts"],
  fired: Patient["faults"]["fired"],
  isCutShort: boolean,
  findings: Findings,
): Promise<void> {
  const opened = acts.flatMap(({ method, status, location }) =>
    method === "POST" && status === 202 ? (/uploads\/([^?]+)/.exec(location ?? "")?.[1] ?? []) : [],
  );
  const isHit = fired.some(({ operation, path }) => operation === "startUpload" || path.startsWith("/oauth2/"));
  for (const uuid of opened) {
    const isKnown = acts.some(({ path }) => path.includes(uuid));
    const excused = isHit || (isCutShort && !isKnown);
    const ending = () =>
      acts.some(({ method, path }) => method === "DELETE" && path.includes(uuid)) ||
      fired.some(({ operation, path }) => operation === "cancelUpload" && path.includes(uuid));
    // Who aborts does not wait for the session to be given up.
    for (let tries = 0; tries < 300 && !ending() && (await emulator.store.uploads.size(uuid)) !== undefined; tries++) {
      if (excused) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const size = await emulator.store.uploads.size(uuid);
    findings.expect(size === undefined || ending() || excused, `a session with ${size} bytes was never given up`);
  }
}
