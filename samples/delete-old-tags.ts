/**
 * Keeps the three tags of a repository that were updated last, and takes the others away, locked ones too. The images stay, and can be
 * reached by digest.
 *
 *   node samples/delete-old-tags.ts <repository>
 *
 * Needs CONTAINERREGISTRY_ENDPOINT, and an identity that may write the repository's metadata and delete from it.
 */
import { ContainerRegistryClient } from "@acrkit/client";
import { credential, endpoint } from "./connect.ts";

const repository = process.argv[2];
if (repository === undefined) throw new Error("Name the repository: node samples/delete-old-tags.ts <repository>");

const client = new ContainerRegistryClient(endpoint(), credential());

// The whole list before the first deletion, which could otherwise shift what the list's next page begins with.
const tags: string[] = [];
for await (const tag of client.listTagProperties(repository, { order: "LastUpdatedOnDescending" })) {
  tags.push(tag.name);
}

for (const tag of tags.slice(3)) {
  // A locked tag is not deleted.
  await client.updateTagProperties(repository, tag, { canWrite: true, canDelete: true });
  console.log(`Deleting ${repository}:${tag}`);
  await client.deleteTag(repository, tag);
}
