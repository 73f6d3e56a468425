import {
  ContainerRegistryClient,
  isDigestMismatchError,
  type TransferProgress,
  type UploadBlobOptions,
} from "@acrkit/client";
import { report } from "./report.ts";
import { type TransferName, transferOf } from "./transfers.ts";

declare const location: { readonly origin: string; readonly search: string };

const registry = new URLSearchParams(location.search).get("registry") ?? location.origin;
const client = new ContainerRegistryClient(
  registry,
  { username: "admin", password: "in a browser" },
  { retryOptions: { retryDelayInMs: 20 } },
);

/** One after the other; the first has its session cancelled while the others run. */
const SCENARIOS: Record<TransferName | "files", () => Promise<unknown>> = {
  async abortedUpload() {
    const abort = new AbortController();
    const onProgress = ({ loadedBytes }: TransferProgress) => {
      if (loadedBytes >= 4 * 1024 * 1024) abort.abort();
    };
    return await upload("abortedUpload", { abortSignal: abort.signal, onProgress }).catch((error: Error) => error.name);
  },
  upload: () => upload("upload"),
  cutUpload: () => upload("cutUpload"),
  cutDownload: () => download("cutDownload"),
  async corruptDownload() {
    const { repository, digest } = transferOf("corruptDownload");
    const reader = (await client.downloadBlob(repository, digest)).stream().getReader();
    for (;;) {
      const { done } = await reader
        .read()
        .catch((error) => ({ done: `${error.name} ${isDigestMismatchError(error)}` }));
      if (done) return done;
    }
  },
  async abortedDownload() {
    const abort = new AbortController();
    const { repository, digest } = transferOf("abortedDownload");
    const found = await client.downloadBlob(repository, digest, { abortSignal: abort.signal });
    const reader = found.stream().getReader();
    await reader.read();
    abort.abort();
    for (;;) {
      const { done } = await reader.read().catch((error: Error) => ({ done: error.name }));
      if (done) return done;
    }
  },
  async files() {
    const { repository, digest } = transferOf("abortedDownload");
    const found = await client.downloadBlob(repository, digest);
    return [
      await client.uploadBlob("files", { path: "/content" }).catch((error: Error) => error.name),
      await found.toFile("/content").catch((error: Error) => error.name),
    ];
  },
};

async function upload(name: TransferName, options: UploadBlobOptions = {}): Promise<object> {
  const { repository, content } = transferOf(name);
  const events: TransferProgress[] = [];
  const file = new File([content], "layer.tar");
  const result = await client.uploadBlob(repository, file, { onProgress: (event) => events.push(event), ...options });
  return { ...result, events };
}

async function download(name: TransferName): Promise<string> {
  const { repository, content, digest } = transferOf(name);
  const found = await client.downloadBlob(repository, digest);
  // Not through a Response: Chromium gives a TypeError of its own for whatever error a stream has.
  const reader = found.stream().getReader();
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return at === content.length ? "the same bytes" : `${at} bytes`;
    const part = content.subarray(at, at + value.length);
    if (!value.every((byte, index) => byte === part[index])) return `other bytes after ${at}`;
    at += value.length;
  }
}

await report(async () => {
  const found: Record<string, unknown> = {};
  for (const [name, run] of Object.entries(SCENARIOS)) {
    found[name] = await run().catch((error: Error) => `${error.name}: ${error.message}`);
  }
  return found;
});
