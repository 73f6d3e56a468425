import { parseDigest, parseRepositoryName } from "@acrkit/oci";
import type { OperationOptions } from "@azure/core-client";
import type { RegistryConnection } from "../../registry/connection.ts";
import { UploadSession } from "./session.ts";

/** @see ContainerRegistryClient.mountBlob */
export async function mountBlob(
  connection: RegistryConnection,
  repository: string,
  digest: string,
  fromRepository: string,
  options: OperationOptions,
): Promise<boolean> {
  const mount = { digest: parseDigest(digest), from: parseRepositoryName(fromRepository) };
  // The registry that cannot mount opens an upload instead, which nobody will use.
  const session = await UploadSession.start(connection, repository, "mountBlob", options, mount);
  await session?.cancel(options);
  return session === undefined;
}
