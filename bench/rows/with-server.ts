import { ContainerRegistryClient } from "@acrkit/client";
import { MediaType } from "@acrkit/oci";
import { imageOf } from "../blobs/local-blobs.ts";
import { staticCredential } from "../contenders/contender.ts";
import type { LocalBlobs, ServerAccess } from "../contenders/work.ts";
import { measure } from "../measure.ts";
import type { Distance } from "../proxy/line.ts";
import { startProxy } from "../proxy/running-proxy.ts";
import { RunningServer } from "../running-server.ts";

/** A server, and how the measured reach it. */
export interface ReachedServer {
  /** Straight, for what is not measured. */
  readonly near: ServerAccess;
  /** From as far away as is measured. */
  readonly access: ServerAccess;
}

/**
 * oras sends every blob in one PUT, and ACR is known to refuse large ones (413 above about 20 MB). Refused, it could not be
 * compared; the emulator is told to take them.
 */
const MAX_PUT_BYTES = 2 ** 40;

/** Starts a server with its files in `folder`; with a distance, behind a proxy, its blob storage as well. */
export async function withServer<T>(
  folder: string,
  distance: Distance | undefined,
  use: (server: ReachedServer) => Promise<T>,
): Promise<T> {
  const server = await RunningServer.start({ maxPutBytes: MAX_PUT_BYTES }, { folder });
  try {
    const near = server.access;
    if (distance === undefined) return await use({ near, access: near });
    const targets = [near.endpoint, server.storageEndpoint].map((endpoint) => Number(new URL(endpoint).port));
    const proxy = await startProxy(distance, targets);
    try {
      const [registryPort = 0, storagePort = 0] = proxy.ports;
      await server.redirectStorage({ storagePort });
      return await use({ near, access: { ...near, endpoint: `https://localhost:${registryPort}` } });
    } finally {
      await proxy.stop();
    }
  } finally {
    await server.stop();
  }
}

/** Puts the image and its blobs into a repository. */
export async function seed(access: ServerAccess, repository: string, source: LocalBlobs): Promise<void> {
  await measure({ contender: "floor", access, work: { kind: "upload", repository, source } });
  const client = clientFor(access);
  const { config, manifest } = imageOf(source.blobs);
  await client.uploadBlob(repository, config);
  await client.setManifest(repository, manifest, { tag: source.tag, mediaType: MediaType.ociManifest });
}

/** Whether a repository has all the blobs, as they should be. */
export async function assertThere(access: ServerAccess, repository: string, { blobs }: LocalBlobs): Promise<void> {
  const client = clientFor(access);
  for (const { digest } of blobs) {
    if (!(await client.blobExists(repository, digest))) throw new Error(`${repository} has no blob ${digest}`);
  }
}

function clientFor({ endpoint, certificate, token }: ServerAccess): ContainerRegistryClient {
  return new ContainerRegistryClient(endpoint, staticCredential(token), { tlsOptions: { ca: certificate } });
}
