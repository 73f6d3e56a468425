/**
 * Uploads an image: a layer, a config, and the manifest that names both, tagged "latest".
 *
 *   node samples/upload-image.ts [repository]
 *
 * Needs CONTAINERREGISTRY_ENDPOINT, and an identity that may push. The repository, sample-oci-image or another one, comes into being
 * with the first upload.
 */
import { ContainerRegistryClient } from "@acrkit/client";
import { credential, endpoint } from "./connect.ts";

const [repository = "sample-oci-image"] = process.argv.slice(2);

const client = new ContainerRegistryClient(endpoint(), credential());

// A layer, here from text; { path }, bytes, a Blob or a stream will do as well.
const layer = await client.uploadBlob(repository, "Sample layer");
console.log(`Uploaded layer: digest - ${layer.digest}, size - ${layer.sizeInBytes}`);

const config = await client.uploadBlob(repository, JSON.stringify({ "sample config": "content" }));
console.log(`Uploaded config: digest - ${config.digest}, size - ${config.sizeInBytes}`);

// The manifest makes an image of them. Its blobs have to be there before it.
const { digest } = await client.setManifest(
  repository,
  {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest: config.digest,
      size: config.sizeInBytes,
    },
    layers: [
      {
        mediaType: "application/vnd.oci.image.layer.v1.tar",
        digest: layer.digest,
        size: layer.sizeInBytes,
        annotations: { "org.opencontainers.image.title": "artifact.txt" },
      },
    ],
  },
  { tag: "latest" },
);
console.log(`Uploaded manifest: digest - ${digest}`);
