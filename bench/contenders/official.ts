import { createReadStream } from "node:fs";
import { ContainerRegistryClient, ContainerRegistryContentClient } from "@azure/container-registry";
import { type ContenderFactory, staticCredential } from "./contender.ts";

/** `@azure/container-registry`, used as its README says. */
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
  return {
    upload: async (repository, path) => (await content(repository).uploadBlob(createReadStream(path))).digest,
    async download(repository, digest) {
      let bytes = 0;
      const result = await content(repository).downloadBlob(digest);
      for await (const part of result.content) bytes += part.length;
      return bytes;
    },
    async readTag(repository, tag) {
      await client.getArtifact(repository, tag).getTagProperties(tag);
    },
  };
};
