import { parseDigest, parseRepositoryName } from "@acrkit/oci";
import type { OperationOptions } from "@azure/core-client";
import { ResourceNotFoundError } from "../errors/registry-error.ts";
import type { RegistryConnection } from "./connection.ts";
import { deleteOrAbsent } from "./delete.ts";

/** The blob when the repository has it, with its size where the registry says it; else undefined. */
export async function findBlob(
  connection: RegistryConnection,
  repository: string,
  digest: string,
  options: OperationOptions,
  method: string,
): Promise<{ readonly sizeInBytes: number | undefined } | undefined> {
  try {
    const response = await connection.send({
      method,
      operation: "headBlob",
      parameters: { name: parseRepositoryName(repository), digest: parseDigest(digest) },
      expected: [200],
      options,
    });
    return { sizeInBytes: response.contentLength };
  } catch (error) {
    // A HEAD's answer has no body in which the registry could say what is missing.
    if (error instanceof ResourceNotFoundError) return undefined;
    throw error;
  }
}

export async function deleteBlob(
  connection: RegistryConnection,
  repository: string,
  digest: string,
  options: OperationOptions,
): Promise<void> {
  await deleteOrAbsent(connection, {
    method: "deleteBlob",
    operation: "deleteBlob",
    parameters: { name: parseRepositoryName(repository), digest: parseDigest(digest) },
    options,
  });
}
