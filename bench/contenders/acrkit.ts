import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { ContainerRegistryClient } from "@acrkit/client";
import { type Contender, type ContenderFactory, staticCredential } from "./contender.ts";

/** Many at once are simply begun: how many of them are under way is the client's own affair. */
export const acrkit: ContenderFactory = (access) => {
  const client = clientFor(access);
  return contender(client, async (repository, digest, file) => {
    await (await client.downloadBlob(repository, digest)).toFile(file);
  });
};

/** The same client, with a download that is read as one stream. */
export const acrkitOneStream: ContenderFactory = (access) => {
  const client = clientFor(access);
  return contender(client, async (repository, digest, file) => {
    await pipeline(await client.downloadBlob(repository, digest), createWriteStream(file));
  });
};

function clientFor({ endpoint, certificate, token }: Parameters<ContenderFactory>[0]): ContainerRegistryClient {
  return new ContainerRegistryClient(endpoint, staticCredential(token), { tlsOptions: { ca: certificate } });
}

function contender(client: ContainerRegistryClient, download: Contender["download"]): Contender {
  const upload = (repository: string, path: string) => client.uploadBlob(repository, { path });
  return {
    upload,
    download,
    uploadMany: (repository, files) => Promise.all(files.map((file) => upload(repository, file))),
    downloadMany: (repository, blobs) =>
      Promise.all(blobs.map(({ digest, file }) => download(repository, digest, file))),
    readTag: (repository, tag) => client.getTagProperties(repository, tag),
  };
}
