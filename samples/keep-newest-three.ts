/**
 * Keeps the three manifests of a repository that were updated last, and deletes the others, locked ones too.
 *
 *   node samples/keep-newest-three.ts <repository>
 *
 * Needs CONTAINERREGISTRY_ENDPOINT, and an identity that may write the repository's metadata and delete from it.
 *
 * THE DELETED IMAGES ARE GONE, with every tag that stands for them. An image for several platforms is several manifests, its
 * list and one for each platform, and each of them counts here: do not run this on a repository that has such images.
 */
import { ContainerRegistryClient } from "@acrkit/client";
import { credential, endpoint } from "./connect.ts";

const repository = process.argv[2];
if (repository === undefined) throw new Error("Name the repository: node samples/keep-newest-three.ts <repository>");

const client = new ContainerRegistryClient(endpoint(), credential());

// The whole list before the first deletion, which could otherwise shift what the list's next page begins with.
const digests: string[] = [];
for await (const manifest of client.listManifestProperties(repository, { order: "LastUpdatedOnDescending" })) {
  digests.push(manifest.digest);
}

for (const digest of digests.slice(3)) {
  // A locked manifest is not deleted.
  await client.updateManifestProperties(repository, digest, { canWrite: true, canDelete: true });
  console.log(`Deleting ${repository}@${digest}`);
  await client.deleteManifest(repository, digest);
}
