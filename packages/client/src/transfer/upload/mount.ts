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
  const method = "mountBlob";
  const from = parseRepositoryName(fromRepository);
  const response = await connection.send({
    method,
    operation: "startUpload",
    parameters: { name: parseRepositoryName(repository) },
    reference: parseDigest(digest),
    query: { mount: digest, from },
    mountFrom: from,
    expected: [201, 202],
    options,
  });
  if (response.status === 201) return true;
  // The registry could not mount and opened an upload instead, which nobody will use.
  const session = UploadSession.from(connection, repository, method, response);
  await session.cancel(options);
  return false;
}
