import { type Digest, parseDigest, parseRepositoryName, parseTagOrDigest } from "@acrkit/oci";
import type { OperationOptions } from "@azure/core-client";
import type { PagedAsyncIterableIterator } from "@azure/core-paging";
import type { RegistryConnection } from "../registry/connection.ts";
import { listPages, type Page } from "../registry/pages.ts";
import {
  type ChangeableProperties,
  fromChangeableAttributes,
  toChangeableAttributes,
  type UpdatableProperties,
} from "./changeable.ts";
import {
  count,
  date,
  digest,
  type Fail,
  type JsonObject,
  list,
  member,
  object,
  optionalList,
  optionalText,
  text,
  texts,
} from "./json.ts";
import { type ArtifactOrder, toOrderBy } from "./order.ts";
import { getTagProperties } from "./tags.ts";

/** A manifest that a list refers to. */
export interface ArtifactManifestPlatform {
  readonly digest: string;
  readonly architecture?: string;
  readonly operatingSystem?: string;
}

/** What a registry knows of a manifest. */
export interface ArtifactManifestProperties extends ChangeableProperties {
  readonly registryLoginServer: string;
  readonly repositoryName: string;
  readonly digest: string;
  /** As ACR counts it; for information only. */
  readonly sizeInBytes: number;
  readonly createdOn: Date;
  readonly lastUpdatedOn: Date;
  /** Of an image, from its config; absent on lists and artifacts. */
  readonly architecture?: string;
  readonly operatingSystem?: string;
  readonly mediaType?: string;
  readonly configMediaType?: string;
  readonly artifactType?: string;
  /** By name; empty when untagged. */
  readonly tags: readonly string[];
  /** The members of a list, when one manifest was asked for; empty otherwise. */
  readonly relatedArtifacts: readonly ArtifactManifestPlatform[];
  /** With the quarantine policy on: `Passed` once the image may be pulled. */
  readonly quarantineState?: string;
  /** JSON, as the scanner wrote it. */
  readonly quarantineDetails?: string;
}

export interface ListManifestPropertiesOptions extends OperationOptions {
  /** By digest when left out. */
  readonly order?: ArtifactOrder;
}

export interface UpdateManifestPropertiesOptions extends OperationOptions, UpdatableProperties {}

export function listManifestProperties(
  connection: RegistryConnection,
  repository: string,
  options: ListManifestPropertiesOptions,
): PagedAsyncIterableIterator<ArtifactManifestProperties, Page<ArtifactManifestProperties>> {
  return listPages(connection, {
    method: "listManifestProperties",
    operation: "listManifests",
    parameters: { name: parseRepositoryName(repository) },
    query: { orderby: toOrderBy(options.order) },
    options,
    parse: (json, fail) => {
      const body = object(json, "body", fail);
      return list(body, "manifests", fail).map((entry) =>
        parseProperties(body, object(entry, "manifests", fail), fail),
      );
    },
  });
}

export async function getManifestProperties(
  connection: RegistryConnection,
  repository: string,
  tagOrDigest: string,
  options: OperationOptions,
): Promise<ArtifactManifestProperties> {
  const method = "getManifestProperties";
  const response = await connection.send({
    method,
    operation: "getManifestAttributes",
    parameters: {
      name: parseRepositoryName(repository),
      digest: await digestBehind(connection, repository, tagOrDigest, options, method),
    },
    reference: tagOrDigest,
    headers: { accept: "application/json" },
    expected: [200],
    options,
  });
  return parseAnswer(await response.json(), (problem) => response.unexpected(problem));
}

export async function updateManifestProperties(
  connection: RegistryConnection,
  repository: string,
  tagOrDigest: string,
  options: UpdateManifestPropertiesOptions,
): Promise<ArtifactManifestProperties> {
  const method = "updateManifestProperties";
  const response = await connection.send({
    method,
    operation: "updateManifest",
    parameters: {
      name: parseRepositoryName(repository),
      digest: await digestBehind(connection, repository, tagOrDigest, options, method),
    },
    reference: tagOrDigest,
    headers: { accept: "application/json", "content-type": "application/json" },
    body: JSON.stringify(toChangeableAttributes(options)),
    expected: [200],
    options,
  });
  return parseAnswer(await response.json(), (problem) => response.unexpected(problem));
}

/** The metadata API knows manifests by digest only; a tag is looked up there first. */
async function digestBehind(
  connection: RegistryConnection,
  repository: string,
  tagOrDigest: string,
  options: OperationOptions,
  method: string,
): Promise<Digest> {
  const reference = parseTagOrDigest(tagOrDigest);
  if ("digest" in reference) return reference.digest;
  return parseDigest((await getTagProperties(connection, repository, reference.tag, options, method)).digest);
}

function parseAnswer(json: unknown, fail: Fail): ArtifactManifestProperties {
  const body = object(json, "body", fail);
  return parseProperties(body, object(member(body, "manifest"), "manifest", fail), fail);
}

function parseProperties(body: JsonObject, manifest: JsonObject, fail: Fail): ArtifactManifestProperties {
  const attributes = object(member(manifest, "changeableAttributes") ?? {}, "changeableAttributes", fail);
  return {
    registryLoginServer: text(body, "registry", fail),
    repositoryName: text(body, "imageName", fail),
    digest: digest(manifest, "digest", fail),
    sizeInBytes: count(manifest, "imageSize", fail),
    createdOn: date(manifest, "createdTime", fail),
    lastUpdatedOn: date(manifest, "lastUpdateTime", fail),
    ...optional("architecture", optionalText(manifest, "architecture")),
    ...optional("operatingSystem", optionalText(manifest, "os")),
    ...optional("mediaType", optionalText(manifest, "mediaType")),
    ...optional("configMediaType", optionalText(manifest, "configMediaType")),
    ...optional("artifactType", optionalText(manifest, "artifactType")),
    tags: texts(optionalList(manifest, "tags", fail), "tags", fail),
    relatedArtifacts: optionalList(manifest, "references", fail).map((entry) =>
      parsePlatform(object(entry, "references", fail), fail),
    ),
    ...fromChangeableAttributes(attributes),
    ...optional("quarantineState", optionalText(attributes, "quarantineState")),
    ...optional("quarantineDetails", optionalText(attributes, "quarantineDetails")),
  };
}

function parsePlatform(entry: JsonObject, fail: Fail): ArtifactManifestPlatform {
  return {
    digest: digest(entry, "digest", fail),
    ...optional("architecture", optionalText(entry, "architecture")),
    ...optional("operatingSystem", optionalText(entry, "os")),
  };
}

/** A member that is there only when its value is: absent is not undefined to whoever prints or compares it. */
function optional<K extends string>(name: K, value: string | undefined): { readonly [key in K]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [key in K]?: string });
}
