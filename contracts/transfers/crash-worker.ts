import { ContainerRegistryClient, type TransferProgress } from "@acrkit/client";

/** What a process is told to do, as JSON in its first argument. */
export interface CrashJob {
  readonly endpoint: string;
  readonly username: string;
  readonly password: string;
  readonly repository: string;
  readonly path: string;
  /** Uploads the file with this journal. */
  readonly journal?: string;
  /** Downloads this blob to the file. */
  readonly digest?: string;
}

const { endpoint, username, password, repository, path, journal, digest } = JSON.parse(
  process.argv[2] ?? "{}",
) as CrashJob;
const client = new ContainerRegistryClient(
  endpoint,
  { username, password },
  { retryOptions: { retryDelayInMs: 10, maxRetryDelayInMs: 50 } },
);
if (digest !== undefined) {
  const onProgress = ({ loadedBytes }: TransferProgress) => console.log(loadedBytes);
  await (await client.downloadBlob(repository, digest, { onProgress })).toFile(path, { parallel: 4 });
} else await client.uploadBlob(repository, { path }, journal === undefined ? {} : { journal });
