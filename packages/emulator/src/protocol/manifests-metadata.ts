import { isIndex, manifestKind } from "@acrkit/oci";
import { readManifest } from "../storage/read-manifest.ts";
import type { ManifestRecord } from "../storage/records.ts";
import { jsonAnswer } from "./answers.ts";
import { changeableAttributes, readManifestChanges, shownTime } from "./attributes.ts";
import { type Call, digestOfCall, type OperationHandler, repositoryOf } from "./call.ts";
import { failure } from "./failure.ts";
import { tagsOf } from "./locks.ts";
import { readPageQuery, takePage } from "./paging.ts";
import { assertMayRelease } from "./quarantine.ts";
import { findRepository } from "./repository.ts";

/** 3.8 `GET /acr/v1/NAME/_manifests` */
export const listManifests: OperationHandler = (call) => {
  const { name } = findRepository(call);
  const { entries, headers } = takePage(
    readPageQuery(call.request.query),
    `/acr/v1/${encodeURIComponent(name)}/_manifests`,
    (query) => call.store.manifests.list(name, query),
    ({ digest }) => digest,
  );
  const manifests = entries.map((manifest) => shownManifest(call, manifest));
  return jsonAnswer(200, { registry: call.host, imageName: name, manifests }, headers);
};

/** 3.9 `GET /acr/v1/NAME/_manifests/DIGEST`: the only place that shows a list's members. */
export const getManifestAttributes: OperationHandler = (call) => {
  const manifest = findManifest(call);
  return jsonAnswer(200, {
    registry: call.host,
    imageName: repositoryOf(call),
    manifest: { ...shownManifest(call, manifest), references: references(call, manifest) },
  });
};

/** 3.9 `PATCH /acr/v1/NAME/_manifests/DIGEST` */
export const updateManifest: OperationHandler = async (call) => {
  const { attributes, quarantine } = await readManifestChanges(call.request);
  const manifest = findManifest(call);
  if (Object.keys(quarantine).length > 0) assertMayRelease(call, repositoryOf(call));
  const updated = { ...manifest, attributes: { ...manifest.attributes, ...attributes }, ...quarantine };
  call.store.manifests.put(repositoryOf(call), updated);
  return jsonAnswer(200, {
    registry: call.host,
    imageName: repositoryOf(call),
    manifest: shownManifest(call, updated),
  });
};

/** The wording is shorter here than under `/v2` (3.9). */
function findManifest(call: Call): ManifestRecord {
  const manifest = call.store.manifests.get(repositoryOf(call), digestOfCall(call));
  if (manifest === undefined) throw failure("MANIFEST_UNKNOWN");
  return manifest;
}

/** Members that are undefined are left out of the JSON (3.8: `tags` only when tagged, and so on). */
function shownManifest(call: Call, manifest: ManifestRecord) {
  const tags = tagsOf(call.store, repositoryOf(call), manifest.digest);
  return {
    digest: manifest.digest,
    imageSize: manifest.imageSize,
    createdTime: shownTime(manifest.createdTime),
    lastUpdateTime: shownTime(manifest.lastUpdateTime),
    architecture: manifest.architecture,
    os: manifest.os,
    mediaType: manifest.mediaType,
    configMediaType: manifest.configMediaType,
    tags: tags.length === 0 ? undefined : tags,
    changeableAttributes: {
      ...changeableAttributes(manifest.attributes),
      quarantineDetails: manifest.quarantineDetails,
      quarantineState: manifest.quarantineState,
    },
  };
}

function references(call: Call, { digest, mediaType }: ManifestRecord): unknown {
  if (manifestKind(mediaType) !== "index") return undefined;
  const content = call.store.manifests.content(repositoryOf(call), digest);
  if (content === undefined) return undefined;
  const { manifest } = readManifest(content, mediaType);
  if (!isIndex(manifest)) return undefined;
  return manifest.manifests.map((member) => ({
    digest: member.digest,
    architecture: member.platform?.architecture,
    os: member.platform?.os,
  }));
}
