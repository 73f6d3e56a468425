import { parseRepositoryName } from "@acrkit/oci";
import type { OperationOptions } from "@azure/core-client";
import type { PagedAsyncIterableIterator } from "@azure/core-paging";
import type { RegistryConnection } from "../registry/connection.ts";
import { deleteOrAbsent } from "../registry/delete.ts";
import { listPages, type Page } from "../registry/pages.ts";
import {
  type ChangeableProperties,
  fromChangeableAttributes,
  toChangeableAttributes,
  type UpdatableProperties,
} from "./changeable.ts";
import { count, date, type Fail, list, member, object, optionalList, text, texts } from "./json.ts";

/** What a registry knows of a repository. */
export interface ContainerRepositoryProperties extends ChangeableProperties {
  readonly registryLoginServer: string;
  readonly name: string;
  readonly createdOn: Date;
  readonly lastUpdatedOn: Date;
  readonly manifestCount: number;
  readonly tagCount: number;
}

export interface UpdateRepositoryPropertiesOptions extends OperationOptions, UpdatableProperties {}

/** What went with a repository. */
export interface DeleteRepositoryResult {
  readonly deletedManifests: readonly string[];
  readonly deletedTags: readonly string[];
}

export function listRepositoryNames(
  connection: RegistryConnection,
  options: OperationOptions,
): PagedAsyncIterableIterator<string, Page<string>> {
  return listPages(connection, {
    method: "listRepositoryNames",
    operation: "listRepositories",
    options,
    parse: (json, fail) => texts(list(object(json, "body", fail), "repositories", fail), "repositories", fail),
  });
}

export async function getRepositoryProperties(
  connection: RegistryConnection,
  repository: string,
  options: OperationOptions,
): Promise<ContainerRepositoryProperties> {
  const response = await connection.send({
    method: "getRepositoryProperties",
    operation: "getRepository",
    parameters: { name: parseRepositoryName(repository) },
    headers: { accept: "application/json" },
    expected: [200],
    options,
  });
  return parseRepository(await response.json(), (problem) => response.unexpected(problem));
}

export async function updateRepositoryProperties(
  connection: RegistryConnection,
  repository: string,
  options: UpdateRepositoryPropertiesOptions,
): Promise<ContainerRepositoryProperties> {
  const response = await connection.send({
    method: "updateRepositoryProperties",
    operation: "updateRepository",
    parameters: { name: parseRepositoryName(repository) },
    headers: { accept: "application/json", "content-type": "application/json" },
    body: JSON.stringify(toChangeableAttributes(options)),
    expected: [200],
    options,
  });
  return parseRepository(await response.json(), (problem) => response.unexpected(problem));
}

export async function deleteRepository(
  connection: RegistryConnection,
  repository: string,
  options: OperationOptions,
): Promise<DeleteRepositoryResult> {
  const response = await deleteOrAbsent(connection, {
    method: "deleteRepository",
    operation: "deleteRepository",
    parameters: { name: parseRepositoryName(repository) },
    headers: { accept: "application/json" },
    options,
  });
  if (response === undefined) return { deletedManifests: [], deletedTags: [] };
  const fail: Fail = (problem) => response.unexpected(problem);
  const body = object(await response.json(), "body", fail);
  if (!Object.hasOwn(body, "manifestsDeleted") && !Object.hasOwn(body, "tagsDeleted")) {
    throw fail("the answer does not say what was deleted");
  }
  const deleted = (name: string) => texts(optionalList(body, name, fail), name, fail);
  return { deletedManifests: deleted("manifestsDeleted"), deletedTags: deleted("tagsDeleted") };
}

function parseRepository(json: unknown, fail: Fail): ContainerRepositoryProperties {
  const body = object(json, "body", fail);
  return {
    registryLoginServer: text(body, "registry", fail),
    name: text(body, "imageName", fail),
    createdOn: date(body, "createdTime", fail),
    lastUpdatedOn: date(body, "lastUpdateTime", fail),
    manifestCount: count(body, "manifestCount", fail),
    tagCount: count(body, "tagCount", fail),
    ...fromChangeableAttributes(object(member(body, "changeableAttributes") ?? {}, "changeableAttributes", fail)),
  };
}
