import { type Digest, isTag } from "@acrkit/oci";
import { OPEN } from "../storage/records.ts";
import type { DeletedManifest, DeletedTag } from "../storage/store.ts";
import { jsonAnswer } from "./answers.ts";
import { shownTime } from "./attributes.ts";
import { type Call, digestOfCall, type OperationHandler, repositoryOf } from "./call.ts";
import { failure } from "./failure.ts";
import { readJson } from "./json-body.ts";
import { assertWritable } from "./locks.ts";
import { readPageQuery, takePage } from "./paging.ts";
import { removeTag } from "./removal.ts";
import { touchRepository } from "./repository.ts";
import {
  malformedBody,
  restoredSubjectMissing,
  restoredTagInUse,
  SOFT_DELETE_DAYS,
  unknownManifest,
} from "./unseen.ts";

/*
 * 3.10, soft delete. Never recorded: shapes are those that azure-cli's tests have, rules are those of the article
 * "Recover deleted artifacts with soft delete policy".
 */

/** `GET /acr/v1/_deleted/_catalog` */
export const listDeletedRepositories: OperationHandler = (call) => {
  purgeExpired(call);
  const { entries, headers } = takePage(
    readPageQuery(call.request.query),
    "/acr/v1/_deleted/_catalog",
    (query) => call.store.deleted.repositories(query),
    ({ name }) => name,
  );
  const repositories = entries.map(({ name, createdTime, deletedAt }) => ({
    createdAt: shownTime(createdTime),
    deletedAt: shownTime(deletedAt),
    repository: name,
  }));
  return jsonAnswer(200, { repositories }, headers);
};

/** `GET /acr/v1/_deleted/NAME/_manifests` */
export const listDeletedManifests: OperationHandler = (call) => {
  purgeExpired(call);
  const name = findName(call);
  const { entries, headers } = takePage(
    readPageQuery(call.request.query),
    `/acr/v1/_deleted/${encodeURIComponent(name)}/_manifests`,
    (query) => call.store.deleted.manifests(name, query),
    ({ record }) => record.digest,
  );
  const manifests = entries.map(({ record, deletedAt }) => ({
    createdAt: shownTime(record.createdTime),
    deletedAt: shownTime(deletedAt),
    digest: record.digest,
  }));
  return jsonAnswer(200, { registry: call.host, imageName: name, manifests }, headers);
};

/** `GET /acr/v1/_deleted/NAME/_tags`. A tag stands there once for every time it was deleted, so `last` is opaque. */
export const listDeletedTags: OperationHandler = (call) => {
  purgeExpired(call);
  const name = findName(call);
  const { entries, headers } = takePage(
    readPageQuery(call.request.query),
    `/acr/v1/_deleted/${encodeURIComponent(name)}/_tags`,
    ({ after, limit }) => call.store.deleted.tags(name, { after: readPlace(after), limit }),
    writePlace,
  );
  const tags = entries.map((tag) => ({
    createdAt: shownTime(tag.createdTime),
    deletedAt: shownTime(tag.deletedAt),
    digest: tag.digest,
    tag: tag.name,
  }));
  return jsonAnswer(200, { registry: call.host, imageName: name, tags }, headers);
};

/**
 * `POST /acr/v1/_deleted/NAME/_manifests/DIGEST?force=`, with `{"tag":T}` or without: brings a manifest back, and the
 * tag where one is named. Neither a list's members nor what is attached to the manifest comes with it.
 */
export const restoreManifest: OperationHandler = async (call) => {
  const { store, clock } = call;
  const tag = await readTag(call);
  purgeExpired(call);
  const name = repositoryOf(call);
  const digest = digestOfCall(call);
  const deleted = store.deleted.manifest(name, digest);
  // A tag alone can have been deleted: then the manifest is still there.
  if (deleted === undefined && (tag === undefined || store.manifests.get(name, digest) === undefined)) {
    throw unknownManifest(digest);
  }
  if (deleted !== undefined) assertSubjectPresent(call, name, deleted);
  const known = tag === undefined ? undefined : store.tags.get(name, tag);
  assertWritable(store.repositories.get(name), known);
  if (known !== undefined && known.digest !== digest && !isForced(call)) throw restoredTagInUse(known.name);
  store.transaction(() => {
    restoreRepository(call, name);
    if (deleted !== undefined) {
      store.manifests.put(name, deleted.record, deleted.content);
      store.deleted.removeManifest(name, digest);
    }
    if (tag !== undefined && known?.digest !== digest) {
      // What the tag stood on until now can be restored in its turn.
      if (known !== undefined) removeTag(call, name, known);
      const now = clock.timestamp();
      store.tags.put(name, { name: tag, digest, createdTime: now, lastUpdateTime: now, attributes: OPEN });
      store.deleted.removeTag(name, tag, digest);
    }
    touchRepository(call, name);
  });
  return jsonAnswer(200, { digest, tag });
};

/** Pushing to a repository that was deleted, or restoring something in it, brings the repository back. */
export function restoreRepository({ store }: Pick<Call, "store">, name: string): void {
  const deleted = store.deleted.repository(name);
  if (deleted === undefined) return;
  store.deleted.removeRepository(name);
  if (store.repositories.get(name) !== undefined) return;
  const { createdTime, deletedAt } = deleted;
  store.repositories.put({ name, createdTime, lastUpdateTime: deletedAt, attributes: OPEN });
}

/** Whether a manifest is in the bin. */
export function isDeleted(call: Call, repository: string, digest: Digest): boolean {
  if (call.store.deleted.manifest(repository, digest) === undefined) return false;
  purgeExpired(call);
  return call.store.deleted.manifest(repository, digest) !== undefined;
}

/** Removes what has been in the bin for too long; the service does it once a day, with today's retention. */
export function purgeExpired({
  store,
  clock,
  softDeleteDays = SOFT_DELETE_DAYS,
}: Pick<Call, "store" | "clock" | "softDeleteDays">): void {
  const before = clock.recordNow() - softDeleteDays * 24 * 60 * 60 * 1000;
  store.deleted.purge(new Date(before).toISOString());
}

/** The call's repository: one that is there, or one in which something was deleted. */
function findName({ store, ...call }: Call): string {
  const name = repositoryOf({ store, ...call });
  const isKnown =
    store.repositories.get(name) !== undefined ||
    store.deleted.repository(name) !== undefined ||
    store.deleted.manifests(name, { limit: 1 }).length > 0;
  if (!isKnown) throw failure("NAME_UNKNOWN", { message: `repository "${name}" is not found` });
  return name;
}

/** The article: "the subject has to be restored first, only then a referrer manifest is allowed to restore". */
function assertSubjectPresent({ store }: Call, repository: string, { record }: DeletedManifest): void {
  const { subject } = record;
  const isInBin = subject !== undefined && store.deleted.manifest(repository, subject) !== undefined;
  if (isInBin) throw restoredSubjectMissing(subject);
}

async function readTag({ request }: Call): Promise<string | undefined> {
  const value = await readJson(request, malformedBody);
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) throw malformedBody();
  const tag: unknown = Object.hasOwn(value, "tag") ? (value as { tag: unknown }).tag : undefined;
  if (tag === undefined || tag === null) return undefined;
  if (typeof tag !== "string" || !isTag(tag)) throw malformedBody();
  return tag;
}

/** azure-cli writes `True` and `False`, as Python does. */
function isForced({ request }: Call): boolean {
  return request.query.get("force")?.toLowerCase() === "true";
}

function writePlace({ name, deletedAt }: DeletedTag): string {
  return `${name}@${deletedAt}`;
}

function readPlace(last: string | undefined): Pick<DeletedTag, "name" | "deletedAt"> | undefined {
  if (last === undefined) return undefined;
  const [name = "", deletedAt = "9999"] = last.split("@");
  return { name, deletedAt };
}
