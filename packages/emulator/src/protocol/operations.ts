import type { OperationName } from "@acrkit/oci";
import { deleteBlob, getBlob, headBlob } from "./blobs.ts";
import type { OperationHandler } from "./call.ts";
import { checkApi, listRepositories, listRepositoriesV2 } from "./catalog.ts";
import { listDeletedManifests, listDeletedRepositories, listDeletedTags, restoreManifest } from "./deleted.ts";
import { putManifest } from "./manifest-put.ts";
import { deleteManifest, getManifest, headManifest } from "./manifests.ts";
import { getManifestAttributes, listManifests, updateManifest } from "./manifests-metadata.ts";
import { listReferrers } from "./referrers.ts";
import { deleteRepository, getRepository, updateRepository } from "./repository.ts";
import { deleteTag, getTag, listTags, listTagsV2, updateTag } from "./tags.ts";
import { cancelUpload, finishUpload, getUpload, patchUpload, startUpload } from "./uploads.ts";

/** Who answers which operation. An operation added to the shared table does not compile until it stands here. */
export const HANDLERS: Readonly<Record<OperationName, OperationHandler>> = {
  checkApi,
  listRepositoriesV2,
  listTagsV2,
  getManifest,
  headManifest,
  putManifest,
  deleteManifest,
  listReferrers,
  startUpload,
  getUpload,
  patchUpload,
  finishUpload,
  cancelUpload,
  getBlob,
  headBlob,
  deleteBlob,
  listRepositories,
  listDeletedRepositories,
  listDeletedManifests,
  listDeletedTags,
  restoreManifest,
  listTags,
  getTag,
  updateTag,
  deleteTag,
  listManifests,
  getManifestAttributes,
  updateManifest,
  getRepository,
  updateRepository,
  deleteRepository,
};
