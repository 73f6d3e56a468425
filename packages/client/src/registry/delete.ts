import { ResourceNotFoundError } from "../errors/registry-error.ts";
import type { RegistryCall, RegistryConnection } from "./connection.ts";
import type { RegistryResponse } from "./response.ts";

/**
 * Sends a delete; undefined when there was nothing to delete, as in every Azure SDK: who asks for something to be gone has
 * what was asked for, and a repeated request finds it gone already.
 *
 * Only a 404 in which the registry itself says what is missing counts, and no 200 with a page: the log-in page of a proxy
 * on the way must not look like success.
 */
export async function deleteOrAbsent(
  connection: RegistryConnection,
  call: Omit<RegistryCall, "expected">,
): Promise<RegistryResponse | undefined> {
  try {
    const response = await connection.send({ ...call, expected: [200, 202, 204] });
    if (response.status !== 200 || (await response.bytes()).byteLength === 0) return response;
    throw response.unexpected("a page came where a delete should have been confirmed");
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** True for a 404 in which the registry itself says that the thing is not there. */
export function isAbsence(error: unknown): boolean {
  return error instanceof ResourceNotFoundError && error.errors.length > 0;
}
