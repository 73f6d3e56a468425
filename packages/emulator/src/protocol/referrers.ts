import { type Digest, MediaType } from "@acrkit/oci";
import type { ListQuery, ManifestRecord } from "../storage/records.ts";
import { textAnswer } from "./answers.ts";
import { type Call, digestOfCall, type OperationHandler, repositoryOf } from "./call.ts";
import type { HeaderLine } from "./message.ts";
import { readPageQuery, takePage } from "./paging.ts";

/**
 * 4.7 `GET /v2/NAME/referrers/DIGEST`: an empty index when there are none, whether or not the subject, or even the
 * repository, is there. A client takes a 404 for a registry without this operation (OCI 1.1.1, "Listing Referrers").
 */
export const listReferrers: OperationHandler = (call) => {
  const { request } = call;
  const name = repositoryOf(call);
  const digest = digestOfCall(call);
  const artifactType = request.query.get("artifactType") || undefined;
  const { entries, headers } = takePage(
    readPageQuery(request.query),
    `/v2/${encodeURIComponent(name)}/referrers/${digest}`,
    (query) => findReferrers(call, name, digest, artifactType, query),
    (record) => record.digest,
    artifactType === undefined ? {} : { artifactType },
  );
  const index = {
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: entries.map((record) => descriptorOf(call, record)),
  };
  const filters: HeaderLine[] = artifactType === undefined ? [] : [["OCI-Filters-Applied", "artifactType"]];
  return textAnswer(200, MediaType.ociIndex, JSON.stringify(index), [...headers, ...filters]);
};

/** One page; with a filter, as many are looked at as it takes to find so many. */
function findReferrers(
  call: Call,
  repository: string,
  subject: Digest,
  artifactType: string | undefined,
  { after, limit }: ListQuery,
): ManifestRecord[] {
  const { manifests } = call.store;
  if (artifactType === undefined) return manifests.referrers(repository, subject, { after, limit });
  const found: ManifestRecord[] = [];
  for (let last = after; found.length < limit; ) {
    const page = manifests.referrers(repository, subject, { after: last, limit });
    found.push(...page.filter((record) => artifactTypeOf(call, record) === artifactType));
    if (page.length < limit) break;
    last = page.at(-1)?.digest;
  }
  return found.slice(0, limit);
}

function descriptorOf(call: Call, record: ManifestRecord): unknown {
  return {
    mediaType: record.mediaType,
    digest: record.digest,
    size: record.size,
    artifactType: artifactTypeOf(call, record),
    annotations: record.annotations,
  };
}

/**
 * The type a referrer is listed with. OCI wants that of an image's config where the manifest names none; ACR was
 * reported to leave it out (acr#784).
 */
function artifactTypeOf({ referrersByConfigType }: Call, record: ManifestRecord): string | undefined {
  return record.artifactType ?? (referrersByConfigType ? record.configMediaType : undefined);
}
