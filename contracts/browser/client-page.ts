import { ContainerRegistryClient, isDigestMismatchError, UnsupportedError } from "@acrkit/client";
import { MediaType } from "@acrkit/oci";
import { patternOf } from "./cases.ts";
import { report } from "./report.ts";

declare const location: { readonly origin: string };

/** The client's main job, in a page of the registry's own origin. */
async function look(): Promise<object> {
  const client = new ContainerRegistryClient(location.origin, { username: "admin", password: "in a browser" });
  // Larger than one chunk, so that it goes in several requests.
  const bytes = patternOf(9 * 1024 * 1024);
  const layer = await client.uploadBlob("team/app", new File([bytes], "layer.tar"));
  const config = await client.uploadBlob("team/app", "{}");
  await client.setManifest(
    "team/app",
    {
      schemaVersion: 2,
      config: { mediaType: MediaType.ociConfig, digest: config.digest, size: config.sizeInBytes },
      layers: [{ mediaType: MediaType.ociLayer, digest: layer.digest, size: layer.sizeInBytes }],
    },
    { tag: "v1" },
  );
  const manifest = await client.getManifest("team/app", "v1");
  const streamed = await new Response((await client.downloadBlob("team/app", layer.digest)).stream()).arrayBuffer();
  const abort = new AbortController();
  const download = await client.downloadBlob("team/app", layer.digest, { abortSignal: abort.signal });
  abort.abort();
  return {
    layer: `${layer.sizeInBytes} ${layer.digest}`,
    kind: manifest.kind,
    same: streamed.byteLength === bytes.byteLength && new Uint8Array(streamed).every((byte, at) => byte === bytes[at]),
    repositories: await Array.fromAsync(client.listRepositoryNames()),
    tags: (await Array.fromAsync(client.listTagProperties("team/app"))).map(({ name }) => name),
    missing: await client.getTagProperties("team/app", "v2").catch((error: Error & { code?: string }) => error.code),
    corrupt: await corrupt(client, layer.digest),
    aborted: await download.bytes().catch((error: Error) => error.name),
    noFiles: await client.uploadBlob("team/app", { path: "x" }).catch((error) => error instanceof UnsupportedError),
  };
}

/** The backend answers this repository's blobs with others. */
async function corrupt(client: ContainerRegistryClient, digest: string): Promise<unknown> {
  try {
    for await (const part of await client.downloadBlob("corrupt/app", digest)) void part;
    return "nothing";
  } catch (error) {
    return isDigestMismatchError(error);
  }
}

await report(look);
