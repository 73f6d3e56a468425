import type { ContainerRegistryClient } from "@acrkit/client";
import { digestOf, matchOperation, type OperationName, type OperationParameters } from "@acrkit/oci";
import { expect } from "vitest";
import { bytesOf } from "../recordings/bytes.ts";
import { type Exchange, headerText, jsonOf } from "../recordings/recording.ts";

/** The client's call for a recorded request, and what has to come of its recorded answer. */
export interface ReplayedCall {
  readonly operation: OperationName;
  run(client: ContainerRegistryClient): Promise<unknown>;
  /** Checks what `run` gave when the recorded answer is a success. */
  check(result: unknown): void;
}

// biome-ignore lint/suspicious/noExplicitAny: recorded JSON, whose shape is what the test is about
type Json = any;

/** What a call can know of the exchanges around it: an upload is several of them. */
export interface Surroundings {
  readonly rest: readonly Exchange[];
}

export function callFor(exchange: Exchange, { rest }: Surroundings): ReplayedCall | undefined {
  const match = matchOperation(exchange.request.method, exchange.request.path);
  if (match === undefined || !("operation" in match)) return undefined;
  const operation = match.operation.name;
  const make = CALLS[operation];
  return make === undefined
    ? undefined
    : { operation, ...make(match.parameters as Required<OperationParameters>, exchange, rest) };
}

type Make = (
  parameters: Required<OperationParameters>,
  exchange: Exchange,
  rest: readonly Exchange[],
) => Omit<ReplayedCall, "operation">;

const query = ({ request }: Exchange) => Object.fromEntries(request.query);
const json = ({ response }: Exchange): Json => jsonOf(response.body);
const sent = ({ request }: Exchange): Json => jsonOf(request.body) ?? {};
const ORDERS: Readonly<Record<string, "LastUpdatedOnDescending" | "LastUpdatedOnAscending">> = {
  timedesc: "LastUpdatedOnDescending",
  timeasc: "LastUpdatedOnAscending",
};

const CALLS: Partial<Record<OperationName, Make>> = {
  listRepositories: (_parameters, exchange) => ({
    run: (client) => firstPage(client.listRepositoryNames(), exchange),
    check: (page) => {
      expect([...(page as Json)]).toEqual(json(exchange).repositories);
      expectLink(page, exchange);
    },
  }),
  getRepository: ({ name }, exchange) => ({
    run: (client) => client.getRepositoryProperties(name),
    check: (result) => expectRepository(result, json(exchange)),
  }),
  updateRepository: ({ name }, exchange) => ({
    run: (client) => client.updateRepositoryProperties(name, updateOf(sent(exchange))),
    check: (result) => expectRepository(result, json(exchange)),
  }),
  deleteRepository: ({ name }, exchange) => ({
    run: (client) => client.deleteRepository(name),
    check: (result) => {
      const { manifestsDeleted = [], tagsDeleted = [] } = json(exchange);
      expect(result).toEqual({ deletedManifests: manifestsDeleted, deletedTags: tagsDeleted });
    },
  }),
  listTags: ({ name }, exchange) => ({
    run: (client) => firstPage(client.listTagProperties(name, orderOf(exchange)), exchange),
    check: (page) => {
      const { tags } = json(exchange);
      expect(page).toHaveLength(tags.length);
      for (const [index, tag] of (page as Json[]).entries()) expectTag(tag, tags[index], name);
      expectLink(page, exchange);
    },
  }),
  getTag: ({ name, tag }, exchange) => ({
    run: (client) => client.getTagProperties(name, tag),
    check: (result) => expectTag(result as Json, json(exchange).tag, name),
  }),
  updateTag: ({ name, tag }, exchange) => ({
    run: (client) => client.updateTagProperties(name, tag, updateOf(sent(exchange))),
    check: (result) => expectTag(result as Json, json(exchange).tag, name),
  }),
  deleteTag: ({ name, tag }) => ({
    run: (client) => client.deleteTag(name, tag),
    check: (result) => expect(result).toBeUndefined(),
  }),
  listManifests: ({ name }, exchange) => ({
    run: (client) => firstPage(client.listManifestProperties(name, orderOf(exchange)), exchange),
    check: (page) => {
      const { manifests } = json(exchange);
      expect(page).toHaveLength(manifests.length);
      for (const [index, manifest] of (page as Json[]).entries()) expectManifest(manifest, manifests[index], name);
      expectLink(page, exchange);
    },
  }),
  getManifestAttributes: ({ name, digest }, exchange) => ({
    run: (client) => client.getManifestProperties(name, digest),
    check: (result) => expectManifest(result as Json, json(exchange).manifest, name),
  }),
  updateManifest: ({ name, digest }, exchange) => ({
    run: (client) => client.updateManifestProperties(name, digest, updateOf(sent(exchange))),
    check: (result) => expectManifest(result as Json, json(exchange).manifest, name),
  }),
  getManifest: ({ name, reference }, exchange) => ({
    run: (client) => client.getManifest(name, reference),
    check: (result) =>
      expect(result).toMatchObject({
        digest: headerText(exchange.response.headers, "docker-content-digest"),
        mediaType: headerText(exchange.response.headers, "content-type"),
        manifest: json(exchange),
      }),
  }),
  putManifest: ({ name, reference }, exchange) => {
    const digest = headerText(exchange.response.headers, "docker-content-digest");
    const tag = reference.includes(":") ? {} : { tag: reference };
    const mediaType = headerText(exchange.request.headers, "content-type") as string;
    const length = Number(headerText(exchange.request.headers, "content-length"));
    return {
      run: (client) =>
        client.setManifest(name, bytesOf(exchange.request.body, { digest, length }), { ...tag, mediaType }),
      check: (result) => expect(result).toEqual({ digest }),
    };
  },
  deleteManifest: ({ name, reference }) => ({
    run: (client) => client.deleteManifest(name, reference),
    check: (result) => expect(result).toBeUndefined(),
  }),
  headBlob: ({ name, digest }) => ({
    run: (client) => client.blobExists(name, digest),
    check: (result) => expect(result).toBe(true),
  }),
  getBlob: ({ name, digest }, _exchange, rest) => ({
    run: async (client) => (await client.downloadBlob(name, digest)).bytes(),
    check: (bytes) =>
      expect(Buffer.from(bytes as Uint8Array)).toEqual(Buffer.from(bytesOf(rest[0]?.response.body ?? null))),
  }),
  deleteBlob: ({ name, digest }) => ({
    run: (client) => client.deleteBlob(name, digest),
    check: (result) => expect(result).toBeUndefined(),
  }),
  startUpload: ({ name }, _exchange, rest) => {
    // One uploadBlob makes the POST, the PATCHes and the PUT: it gets all that was sent.
    const chunks = rest
      .filter(({ request }) => isUploadStep(request.method, request.path))
      .map((step) => bytesOf(step.request.body));
    const whole = Buffer.concat(chunks);
    return {
      run: (client) => client.uploadBlob(name, whole),
      check: (result) => expect(result).toEqual({ digest: digestOf(whole), sizeInBytes: whole.byteLength }),
    };
  },
};

function isUploadStep(method: string, path: string): boolean {
  const match = matchOperation(method, path);
  return match !== undefined && "operation" in match && ["patchUpload", "finishUpload"].includes(match.operation.name);
}

interface Paged {
  byPage(settings: { maxPageSize?: number; continuationToken?: string }): AsyncIterable<unknown>;
}

/** The page that was asked for: the first, or the one behind a recorded link. */
async function firstPage(list: unknown, exchange: Exchange): Promise<unknown> {
  const { n, last } = query(exchange);
  const parameters = new URLSearchParams(
    exchange.request.query.map(([name, value]) => [name, value] as [string, string]),
  );
  const settings =
    last === undefined
      ? n === undefined
        ? {}
        : { maxPageSize: Number(n) }
      : { continuationToken: `${exchange.request.path}?${parameters}` };
  for await (const page of (list as Paged).byPage(settings)) return page;
  throw new Error("the list has no page");
}

function expectLink(page: unknown, { response }: Exchange): void {
  const link = headerText(response.headers, "link");
  expect((page as { continuationToken?: string }).continuationToken).toBe(link?.slice(1, link.indexOf(">")));
}

function orderOf(exchange: Exchange): { order?: "LastUpdatedOnDescending" | "LastUpdatedOnAscending" } {
  const order = ORDERS[query(exchange).orderby ?? ""];
  return order === undefined ? {} : { order };
}

const ATTRIBUTES = {
  canDelete: "deleteEnabled",
  canWrite: "writeEnabled",
  canRead: "readEnabled",
  canList: "listEnabled",
};

function updateOf(body: Json): Record<string, boolean> {
  return Object.fromEntries(
    Object.entries(ATTRIBUTES).flatMap(([ours, theirs]) => (body[theirs] === undefined ? [] : [[ours, body[theirs]]])),
  );
}

function expectCommon(result: Json, recorded: Json): void {
  expect(result.registryLoginServer).toBe("registry.example.azurecr.io");
  expect(result.createdOn).toEqual(new Date(recorded.createdTime));
  expect(result.lastUpdatedOn).toEqual(new Date(recorded.lastUpdateTime));
  for (const [ours, theirs] of Object.entries(ATTRIBUTES))
    expect(result[ours]).toBe(recorded.changeableAttributes[theirs]);
}

function expectRepository(result: Json, recorded: Json): void {
  expectCommon(result, recorded);
  const { imageName, manifestCount, tagCount } = recorded;
  expect(result).toMatchObject({ name: imageName, manifestCount, tagCount });
}

function expectTag(result: Json, recorded: Json, repositoryName: string): void {
  expectCommon(result, recorded);
  expect(result).toMatchObject({ repositoryName, name: recorded.name, digest: recorded.digest });
}

function expectManifest(result: Json, recorded: Json, repositoryName: string): void {
  expectCommon(result, recorded);
  const references = (recorded.references ?? []) as Json[];
  expect(result).toMatchObject({
    repositoryName,
    digest: recorded.digest,
    sizeInBytes: recorded.imageSize,
    tags: recorded.tags ?? [],
    relatedArtifacts: references.map(({ digest, architecture, os }) => ({ digest, architecture, operatingSystem: os })),
  });
  expect(result.architecture).toBe(recorded.architecture);
  expect(result.operatingSystem).toBe(recorded.os);
  expect(result.mediaType).toBe(recorded.mediaType);
  expect(result.configMediaType).toBe(recorded.configMediaType);
  expect(result.quarantineState).toBe(recorded.changeableAttributes.quarantineState);
  expect(result.quarantineDetails).toBe(recorded.changeableAttributes.quarantineDetails);
}
