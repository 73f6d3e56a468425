import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { ContainerRegistryClient, ContainerRegistryContentClient } from "@azure/container-registry";
import { type Contender, type ContenderFactory, staticCredential } from "./contender.ts";
import { inLanes } from "./lanes.ts";

/** `@azure/container-registry`, used as its README says. It has no way to move many blobs, so the lanes are ours. */
export const official: ContenderFactory = ({ endpoint, certificate, token }) => {
  const credential = staticCredential(token);
  const options = { tlsOptions: { ca: certificate } };
  const client = new ContainerRegistryClient(endpoint, credential, options);
  const contents = new Map<string, ContainerRegistryContentClient>();
  const content = (repository: string) => {
    const known =
      contents.get(repository) ?? new ContainerRegistryContentClient(endpoint, repository, credential, options);
    contents.set(repository, known);
    return known;
  };
  const upload: Contender["upload"] = (repository, path) => content(repository).uploadBlob(createReadStream(path));
  const download: Contender["download"] = async (repository, digest, file) => {
    const result = await content(repository).downloadBlob(digest);
    await pipeline(result.content, createWriteStream(file));
  };
  return {
    upload,
    download,
    uploadMany: (repository, files) => inLanes(files, (file) => upload(repository, file)),
    downloadMany: (repository, blobs) => inLanes(blobs, ({ digest, file }) => download(repository, digest, file)),
    readTag: (repository, tag) => client.getArtifact(repository, tag).getTagProperties(tag),
  };
};
