import { join } from "node:path";
import { goExamples } from "../install/go.ts";
import type { Sdk } from "./client.ts";

/** Makes the clients that the examples of single methods use. */
const CLIENT = "ExampleNewClient";

/** Its upload example takes the digests of layer and config for one another, so the config comes down as the layer. */
const UPLOADED_AS_LAYER = `{
  architecture: "amd64",
  os: "windows",
  rootfs: {
	type: "layers",
	diff_ids: [sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9],
  },
}`;

/** The module's own examples. */
export const azureGo: Sdk = {
  kind: "sdk",
  name: "Azure SDK for Go",
  installer: goExamples({
    module: "github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry",
    version: "v0.2.3",
    program: "go",
    changes: [
      ["package azcontainerregistry_test", "package main"],
      ['"<your Container Registry\'s endpoint URL>"', "endpoint"],
      ['"https://example.azurecr.io"', "endpoint"],
      ['\t"github.com/Azure/azure-sdk-for-go/sdk/azidentity"\n', ""],
      ["azidentity.NewDefaultAzureCredential", "newCredential"],
    ],
  }),
  prepare: async (program, { installed }) => [join(installed, "samples"), ...program.split(" ")],
  jobs: {
    "list repositories": { programs: ["Example_listRepositories"] },
    "list tags anonymously": { programs: ["Example_listTagsWithAnonymousAccess"] },
    "set properties": { programs: ["Example_setArtifactProperties"], locks: "tag latest" },
    "upload image": { programs: ["Example_uploadImage"], images: [["library/hello-world", "1.0.0"]] },
    "download image": { programs: ["Example_uploadImage", "Example_downloadImage"], layer: UPLOADED_AS_LAYER },
    "delete images": { programs: ["Example_deleteImages"] },
    "delete tags": {
      programs: [`${CLIENT} ExampleClient_DeleteTag`],
      repository: "nanoserver",
      before: ["4.7.2-20180905-nanoserver-1803", "latest"],
      after: ["latest"],
    },
    "delete manifest": { programs: [`${CLIENT} ExampleClient_DeleteManifest`], repository: "alpine", tag: "3.7" },
    "delete blobs": { absent: "the example names a digest whose content is not known" },
    "delete repository": { programs: [`${CLIENT} ExampleClient_DeleteRepository`], repository: "nanoserver" },
  },
};
