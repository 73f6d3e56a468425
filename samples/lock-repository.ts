/**
 * Locks a repository: everything in it can be pulled, nothing can be pushed or deleted. Or unlocks it again.
 *
 *   node samples/lock-repository.ts <repository> [--unlock]
 *
 * Needs CONTAINERREGISTRY_ENDPOINT, and an identity that may write the repository's metadata.
 */
import { ContainerRegistryClient } from "@acrkit/client";
import { credential, endpoint } from "./connect.ts";

const [repository, flag] = process.argv.slice(2);
if (repository === undefined) throw new Error("Name the repository: node samples/lock-repository.ts <repository>");
const open = flag === "--unlock";

const client = new ContainerRegistryClient(endpoint(), credential());

const { canWrite, canDelete } = await client.updateRepositoryProperties(repository, {
  canWrite: open,
  canDelete: open,
});
console.log(`${repository}: canWrite ${canWrite}, canDelete ${canDelete}`);
