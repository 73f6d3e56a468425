import { isDigest } from "@acrkit/oci";
import type { TagRecord } from "../storage/records.ts";
import { emptyAnswer, jsonAnswer } from "./answers.ts";
import { changeableAttributes, readAttributes, shownTime } from "./attributes.ts";
import { type Call, type OperationHandler, parameter, repositoryOf } from "./call.ts";
import { failure } from "./failure.ts";
import { assertDeletable } from "./locks.ts";
import { readPageQuery, takePage } from "./paging.ts";
import { removeTag } from "./removal.ts";
import { findRepository, touchRepository } from "./repository.ts";
import { unknownRepository } from "./unseen.ts";

/** 3.5 `GET /acr/v1/NAME/_tags` */
export const listTags: OperationHandler = (call) => {
  const { name } = findRepository(call);
  const { entries, headers } = tagPage(call, `/acr/v1/${encodeURIComponent(name)}/_tags`);
  return jsonAnswer(200, { registry: call.host, imageName: name, tags: entries.map(shownTag) }, headers);
};

/** 4.6 `GET /v2/NAME/tags/list` */
export const listTagsV2: OperationHandler = (call) => {
  const name = repositoryOf(call);
  if (call.store.repositories.get(name) === undefined) throw unknownRepository(name);
  const { entries, headers } = tagPage(call, `/v2/${encodeURIComponent(name)}/tags/list`);
  return jsonAnswer(200, { name, tags: entries.map((tag) => tag.name) }, headers);
};

/** 3.6 `GET /acr/v1/NAME/_tags/TAG` */
export const getTag: OperationHandler = (call) => tagAnswer(call, findTag(call));

/** 3.6 `PATCH /acr/v1/NAME/_tags/TAG` */
export const updateTag: OperationHandler = async (call) => {
  const changes = await readAttributes(call.request);
  const tag = findTag(call);
  const updated = { ...tag, attributes: { ...tag.attributes, ...changes } };
  call.store.tags.put(repositoryOf(call), updated);
  return tagAnswer(call, updated);
};

/** 3.7 `DELETE /acr/v1/NAME/_tags/TAG`: the manifest stays. */
export const deleteTag: OperationHandler = (call) => {
  const name = repositoryOf(call);
  const tag = findTag(call);
  assertDeletable(call.store.repositories.get(name), tag);
  call.store.transaction(() => {
    removeTag(call, name, tag);
    touchRepository(call, name);
  });
  return emptyAnswer(202, [["X-Ms-Int-Docker-Content-Digest", tag.digest]]);
};

/** 3.6, 3.7: a repository that does not exist has no tags either, and the answer says no more than that. */
function findTag(call: Call): TagRecord {
  const tag = call.store.tags.get(repositoryOf(call), parameter(call, "tag"));
  if (tag === undefined) throw failure("TAG_UNKNOWN");
  return tag;
}

function tagPage(call: Call, path: string) {
  const repository = repositoryOf(call);
  const digest = call.request.query.get("digest") || undefined;
  return takePage(
    readPageQuery(call.request.query),
    path,
    // What is no digest belongs to no tag.
    (query) =>
      digest !== undefined && !isDigest(digest) ? [] : call.store.tags.list(repository, { ...query, digest }),
    ({ name }) => name,
    digest === undefined ? {} : { digest },
  );
}

function tagAnswer(call: Call, tag: TagRecord) {
  return jsonAnswer(200, { registry: call.host, imageName: repositoryOf(call), tag: shownTag(tag) });
}

function shownTag(tag: TagRecord): unknown {
  return {
    name: tag.name,
    digest: tag.digest,
    createdTime: shownTime(tag.createdTime),
    lastUpdateTime: shownTime(tag.lastUpdateTime),
    // Docker content trust, which the emulator does not have.
    signed: false,
    changeableAttributes: changeableAttributes(tag.attributes),
  };
}
