import type { Digest } from "@acrkit/oci";
import type { Quota } from "../quota.ts";
import { EVERY, type ManifestRecord } from "../records.ts";
import type { ManifestStore } from "../store.ts";
import type { Database, Row } from "./database.ts";
import { listPage } from "./listing.ts";
import { blobsOf } from "./manifest-blobs.ts";
import {
  ATTRIBUTE_COLUMNS,
  attributesOf,
  attributeValues,
  optionalTextOf,
  sortable,
  textOf,
  updatesOf,
} from "./rows.ts";

const COLUMNS = `name, mediaType, size, imageSize, createdTime, lastUpdateTime, architecture, os, configMediaType, subject,
  artifactType, annotations, quarantineState, quarantineDetails, ${ATTRIBUTE_COLUMNS}`;
const UPDATES = updatesOf(COLUMNS);

/** As they are read: a number that is not safe in JavaScript, as earlier versions could write one, may not keep a row from it. */
const READ_COLUMNS = COLUMNS.replace("imageSize", `min(imageSize, ${Number.MAX_SAFE_INTEGER}) AS imageSize`);

/** A manifest's `name` in the database is its digest. */
export function createManifestStore(database: Database, quota: Quota): ManifestStore {
  const isThere = (repository: string, digest: Digest) =>
    database.get("SELECT 1 FROM manifest WHERE repository = ? AND name = ?", repository, digest) !== undefined;
  return {
    get(repository, digest) {
      const sql = `SELECT ${READ_COLUMNS} FROM manifest WHERE repository = ? AND name = ?`;
      const row = database.get(sql, repository, digest);
      return row === undefined ? undefined : manifestOf(row);
    },
    content(repository, digest) {
      const row = database.get("SELECT content FROM manifest WHERE repository = ? AND name = ?", repository, digest);
      return row?.content instanceof Uint8Array ? row.content : undefined;
    },
    put: (repository, record, content) =>
      database.transaction(() => {
        if (quota.isLimited && !isThere(repository, record.digest)) quota.assertRoom(record.size);
        database.run(
          `INSERT INTO manifest (repository, ${COLUMNS}, content)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (repository, name) DO UPDATE SET
          ${UPDATES}, content = coalesce(excluded.content, content)`,
          repository,
          record.digest,
          record.mediaType,
          record.size,
          record.imageSize,
          sortable(record.createdTime),
          sortable(record.lastUpdateTime),
          record.architecture ?? null,
          record.os ?? null,
          record.configMediaType ?? null,
          record.subject ?? null,
          record.artifactType ?? null,
          record.annotations === undefined ? null : JSON.stringify(record.annotations),
          record.quarantineState ?? null,
          record.quarantineDetails ?? null,
          ...attributeValues(record.attributes),
          content ?? null,
        );
        if (content === undefined) return;
        for (const blob of blobsOf(content, record.mediaType)) {
          database.run("INSERT OR IGNORE INTO manifest_blob VALUES (?, ?, ?)", repository, blob, record.digest);
        }
      }),
    delete(repository, digest) {
      return database.run("DELETE FROM manifest WHERE repository = ? AND name = ?", repository, digest) > 0;
    },
    list(repository, query) {
      return listPage(database, "manifest", READ_COLUMNS, repository, query).map(manifestOf);
    },
    referrers(repository, subject, { after = "", limit = EVERY } = {}) {
      return database
        .all(
          `SELECT ${READ_COLUMNS} FROM manifest WHERE repository = ? AND subject = ? AND name > ? ORDER BY name LIMIT ?`,
          repository,
          subject,
          after,
          limit,
        )
        .map(manifestOf);
    },
  };
}

function manifestOf(row: Row): ManifestRecord {
  const annotations = optionalTextOf(row, "annotations");
  return {
    digest: textOf(row, "name") as Digest,
    mediaType: textOf(row, "mediaType"),
    size: Number(row.size),
    imageSize: Number(row.imageSize),
    createdTime: textOf(row, "createdTime"),
    lastUpdateTime: textOf(row, "lastUpdateTime"),
    architecture: optionalTextOf(row, "architecture"),
    os: optionalTextOf(row, "os"),
    configMediaType: optionalTextOf(row, "configMediaType"),
    subject: optionalTextOf(row, "subject") as Digest | undefined,
    artifactType: optionalTextOf(row, "artifactType"),
    annotations: annotations === undefined ? undefined : JSON.parse(annotations),
    quarantineState: optionalTextOf(row, "quarantineState"),
    quarantineDetails: optionalTextOf(row, "quarantineDetails"),
    attributes: attributesOf(row),
  };
}
