import { MediaType } from "@acrkit/oci";
import type { ManifestRecord } from "../storage/records.ts";
import { textAnswer } from "./answers.ts";
import { digestOfCall, type OperationHandler, repositoryOf } from "./call.ts";
import type { HeaderLine } from "./message.ts";
import { readPageQuery, takePage } from "./paging.ts";
import { referrerArtifactType, unknownRepository } from "./unseen.ts";

/** 4.7 `GET /v2/NAME/referrers/DIGEST`: an empty index when there are none, whether or not the subject is there. */
export const listReferrers: OperationHandler = (call) => {
  const { store, request } = call;
  const name = repositoryOf(call);
  const digest = digestOfCall(call);
  if (store.repositories.get(name) === undefined) throw unknownRepository(name);
  const artifactType = request.query.get("artifactType") || undefined;
  const referrers = store.manifests
    .referrers(name, digest)
    .filter((record) => artifactType === undefined || referrerArtifactType(record) === artifactType);
  const { entries, headers } = takePage(
    readPageQuery(request.query),
    `/v2/${encodeURIComponent(name)}/referrers/${digest}`,
    ({ after = "", limit }) => referrers.filter((record) => record.digest > after).slice(0, limit),
    (record) => record.digest,
    artifactType === undefined ? {} : { artifactType },
  );
  const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: entries.map(descriptorOf) };
  const filters: HeaderLine[] = artifactType === undefined ? [] : [["OCI-Filters-Applied", "artifactType"]];
  return textAnswer(200, MediaType.ociIndex, JSON.stringify(index), [...headers, ...filters]);
};

function descriptorOf(record: ManifestRecord): unknown {
  return {
    mediaType: record.mediaType,
    digest: record.digest,
    size: record.size,
    artifactType: referrerArtifactType(record),
    annotations: record.annotations,
  };
}
