import { ContainerRegistryClient } from "@acrkit/client";
import { type ContenderFactory, staticCredential } from "./contender.ts";

export const acrkit: ContenderFactory = ({ endpoint, certificate, token }) => {
  const client = new ContainerRegistryClient(endpoint, staticCredential(token), { tlsOptions: { ca: certificate } });
  return {
    upload: async (repository, path) => (await client.uploadBlob(repository, { path })).digest,
    async download(repository, digest) {
      let bytes = 0;
      for await (const part of await client.downloadBlob(repository, digest)) bytes += part.byteLength;
      return bytes;
    },
    async readTag(repository, tag) {
      await client.getTagProperties(repository, tag);
    },
  };
};
