/**
 * Prints what the registry knows of an image: its repository, its tag, its manifest.
 *
 *   node samples/show-image.ts [repository] [tag]
 *
 * Needs CONTAINERREGISTRY_ENDPOINT, an identity that may read the repository's metadata, and the image
 * library/hello-world:latest or another one.
 */
import { ContainerRegistryClient } from "@acrkit/client";
import { credential, endpoint } from "./connect.ts";

const [repository = "library/hello-world", tag = "latest"] = process.argv.slice(2);

const client = new ContainerRegistryClient(endpoint(), credential());

const { name, tagCount, manifestCount } = await client.getRepositoryProperties(repository);
console.log(`Repository ${name}: tagCount ${tagCount}, manifestCount ${manifestCount}`);

const { digest, lastUpdatedOn } = await client.getTagProperties(repository, tag);
console.log(`Tag ${tag}: ${digest}, updated ${lastUpdatedOn.toISOString()}`);

const manifest = await client.getManifestProperties(repository, digest);
console.log(`Manifest: ${manifest.sizeInBytes} bytes, ${manifest.mediaType}, tags ${manifest.tags.join(", ")}`);
