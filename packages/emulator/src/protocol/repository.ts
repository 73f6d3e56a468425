import { OPEN, type RepositorySummary } from "../storage/records.ts";
import { jsonAnswer } from "./answers.ts";
import { changeableAttributes, readAttributes, shownTime } from "./attributes.ts";
import { type Call, type OperationHandler, repositoryOf } from "./call.ts";
import { failure } from "./failure.ts";
import { assertRepositoryDeletable } from "./locks.ts";
import { removeRepository } from "./removal.ts";

/** 3.2 `GET /acr/v1/NAME` */
export const getRepository: OperationHandler = (call) => {
  return jsonAnswer(200, shownRepository(call, findRepository(call)));
};

/** 3.3 `PATCH /acr/v1/NAME`: never refused by the repository's own locks; `lastUpdateTime` does not move. */
export const updateRepository: OperationHandler = async (call) => {
  const changes = await readAttributes(call.request);
  const repository = findRepository(call);
  const updated = { ...repository, attributes: { ...repository.attributes, ...changes } };
  call.store.repositories.put(updated);
  return jsonAnswer(200, shownRepository(call, updated));
};

/** 3.4 `DELETE /acr/v1/NAME` */
export const deleteRepository: OperationHandler = (call) => {
  const { store } = call;
  const name = repositoryOf(call);
  // Worded otherwise than by GET.
  const repository = store.repositories.get(name);
  if (repository === undefined) throw failure("NAME_UNKNOWN", { detail: { name } });
  assertRepositoryDeletable(store, name);
  const { manifests: manifestsDeleted, tags: tagsDeleted } = store.repositories.contents(name);
  store.transaction(() => removeRepository(call, repository));
  return jsonAnswer(202, { manifestsDeleted, tagsDeleted });
};

/** The call's repository. @throws {RegistryFailure} 404 NAME_UNKNOWN in the wording of the metadata API (3.2) */
export function findRepository(call: Call): RepositorySummary {
  const name = repositoryOf(call);
  const repository = call.store.repositories.get(name);
  if (repository === undefined) throw failure("NAME_UNKNOWN", { message: `repository "${name}" is not found` });
  return repository;
}

/** Pushes and deletes move a repository's `lastUpdateTime`; the first push makes the repository. */
export function touchRepository({ store, clock }: Pick<Call, "store" | "clock">, name: string): void {
  const now = clock.timestamp();
  const repository = store.repositories.get(name);
  store.repositories.put({
    name,
    createdTime: repository?.createdTime ?? now,
    lastUpdateTime: now,
    attributes: repository?.attributes ?? OPEN,
  });
}

function shownRepository({ host }: Call, repository: RepositorySummary): unknown {
  return {
    registry: host,
    imageName: repository.name,
    createdTime: shownTime(repository.createdTime),
    lastUpdateTime: shownTime(repository.lastUpdateTime),
    manifestCount: repository.manifestCount,
    tagCount: repository.tagCount,
    changeableAttributes: changeableAttributes(repository.attributes),
  };
}
