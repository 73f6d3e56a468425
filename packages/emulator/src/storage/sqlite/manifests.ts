import type { Digest } from "@acrkit/oci";
import type { ManifestRecord } from "../records.ts";
import type { ManifestStore } from "../store.ts";
import type { Database, Row } from "./database.ts";
import { listPage } from "./listing.ts";
import { ATTRIBUTE_COLUMNS, attributesOf, attributeValues, optionalTextOf, sortable, textOf } from "./rows.ts";

const COLUMNS = `name, mediaType, size, imageSize, createdTime, lastUpdateTime, architecture, os, configMediaType, subject,
  artifactType, annotations, quarantineState, quarantineDetails, ${ATTRIBUTE_COLUMNS}`;

/** A manifest's `name` in the database is its digest. */
export function createManifestStore(database: Database): ManifestStore {
  return {
    get(repository, digest) {
      const row = database.get(`SELECT ${COLUMNS} FROM manifest WHERE repository = ? AND name = ?`, repository, digest);
      return row === undefined ? undefined : manifestOf(row);
    },
    content(repository, digest) {
      const row = database.get("SELECT content FROM manifest WHERE repository = ? AND name = ?", repository, digest);
      return row?.content instanceof Uint8Array ? row.content : undefined;
    },
    put(repository, record, content) {
      database.run(
        `INSERT INTO manifest (repository, ${COLUMNS}, content)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (repository, name) DO UPDATE SET
          ${COLUMNS.split(",").map((column) => `${column} = excluded.${column.trim()}`)},
          content = coalesce(excluded.content, content)`,
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
    },
    delete(repository, digest) {
      return database.run("DELETE FROM manifest WHERE repository = ? AND name = ?", repository, digest) > 0;
    },
    list(repository, query) {
      return listPage(database, "manifest", COLUMNS, repository, query).map(manifestOf);
    },
    referrers(repository, subject) {
      return database
        .all(`SELECT ${COLUMNS} FROM manifest WHERE repository = ? AND subject = ? ORDER BY name`, repository, subject)
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
