/**
 * Deletes an image's manifest, and with it every tag that stands for it.
 *
 *   node samples/delete-manifest.ts [repository]
 *
 * Needs CONTAINERREGISTRY_ENDPOINT, an identity that may pull and delete, and an image tagged "latest" in the repository
 * sample-oci-image or another one; upload-image.ts makes one.
 */
import { ContainerRegistryClient } from "@acrkit/client";
import { credential, endpoint } from "./connect.ts";

const [repository = "sample-oci-image"] = process.argv.slice(2);

const client = new ContainerRegistryClient(endpoint(), credential());

const { digest } = await client.getManifest(repository, "latest");
await client.deleteManifest(repository, digest);
console.log(`Deleted ${repository}@${digest}`);
