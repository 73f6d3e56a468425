import { parseDigest, parseRepositoryName, parseTag } from "@acrkit/oci";
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
import { date, digest, type Fail, type JsonObject, list, member, object, text } from "./json.ts";
import { type ArtifactOrder, toOrderBy } from "./order.ts";

/** What a registry knows of a tag. */
export interface ArtifactTagProperties extends ChangeableProperties {
  readonly registryLoginServer: string;
  readonly repositoryName: string;
  readonly name: string;
  /** The manifest the tag stands for. */
  readonly digest: string;
  readonly createdOn: Date;
  readonly lastUpdatedOn: Date;
}

export interface ListTagPropertiesOptions extends OperationOptions {
  /** By name when left out. */
  readonly order?: ArtifactOrder;
  /** Only the tags of this manifest. */
  readonly digest?: string;
}

export interface UpdateTagPropertiesOptions extends OperationOptions, UpdatableProperties {}

export function listTagProperties(
  connection: RegistryConnection,
  repository: string,
  options: ListTagPropertiesOptions,
): PagedAsyncIterableIterator<ArtifactTagProperties, Page<ArtifactTagProperties>> {
  return listPages(connection, {
    method: "listTagProperties",
    operation: "listTags",
    parameters: { name: parseRepositoryName(repository) },
    query: {
      orderby: toOrderBy(options.order),
      digest: options.digest === undefined ? undefined : parseDigest(options.digest),
    },
    options,
    parse: (json, fail) => {
      const body = object(json, "body", fail);
      return list(body, "tags", fail).map((tag) => parseTagProperties(body, object(tag, "tags", fail), fail));
    },
  });
}

export async function getTagProperties(
  connection: RegistryConnection,
  repository: string,
  tag: string,
  options: OperationOptions,
  method = "getTagProperties",
): Promise<ArtifactTagProperties> {
  const response = await connection.send({
    method,
    operation: "getTag",
    parameters: { name: parseRepositoryName(repository), tag: parseTag(tag) },
    headers: { accept: "application/json" },
    expected: [200],
    options,
  });
  return parseAnswer(await response.json(), (problem) => response.unexpected(problem));
}

export async function updateTagProperties(
  connection: RegistryConnection,
  repository: string,
  tag: string,
  options: UpdateTagPropertiesOptions,
): Promise<ArtifactTagProperties> {
  const response = await connection.send({
    method: "updateTagProperties",
    operation: "updateTag",
    parameters: { name: parseRepositoryName(repository), tag: parseTag(tag) },
    headers: { accept: "application/json", "content-type": "application/json" },
    body: JSON.stringify(toChangeableAttributes(options)),
    expected: [200],
    options,
  });
  return parseAnswer(await response.json(), (problem) => response.unexpected(problem));
}

export async function deleteTag(
  connection: RegistryConnection,
  repository: string,
  tag: string,
  options: OperationOptions,
): Promise<void> {
  await deleteOrAbsent(connection, {
    method: "deleteTag",
    operation: "deleteTag",
    parameters: { name: parseRepositoryName(repository), tag: parseTag(tag) },
    options,
  });
}

function parseAnswer(json: unknown, fail: Fail): ArtifactTagProperties {
  const body = object(json, "body", fail);
  return parseTagProperties(body, object(member(body, "tag"), "tag", fail), fail);
}

function parseTagProperties(body: JsonObject, tag: JsonObject, fail: Fail): ArtifactTagProperties {
  return {
    registryLoginServer: text(body, "registry", fail),
    repositoryName: text(body, "imageName", fail),
    name: text(tag, "name", fail),
    digest: digest(tag, "digest", fail),
    createdOn: date(tag, "createdTime", fail),
    lastUpdatedOn: date(tag, "lastUpdateTime", fail),
    ...fromChangeableAttributes(object(member(tag, "changeableAttributes") ?? {}, "changeableAttributes", fail)),
  };
}
