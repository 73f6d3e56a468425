import type { Digest } from "@acrkit/oci";
import type { ManifestRecord, Timestamp } from "../records.ts";
import type { DeletedManifest, DeletedRepository, DeletedStore, DeletedTag } from "../store.ts";
import type { Database, Row } from "./database.ts";
import { sortable, textOf } from "./rows.ts";

/*
 * deleted_manifest    repository*  digest*  deletedAt  createdTime  record (JSON)  content
 * deleted_tag         repository*  name*  digest*  deletedAt*  createdTime         a name can be deleted many times
 * deleted_repository  repository*  deletedAt  createdTime                          from the first thing deleted in it on
 */
export const DELETED_SCHEMA = `
  CREATE TABLE IF NOT EXISTS deleted_manifest (
    repository TEXT NOT NULL, digest TEXT NOT NULL, deletedAt TEXT NOT NULL, createdTime TEXT NOT NULL,
    record TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (repository, digest)
  );
  CREATE TABLE IF NOT EXISTS deleted_tag (
    repository TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, deletedAt TEXT NOT NULL,
    createdTime TEXT NOT NULL, PRIMARY KEY (repository, name, deletedAt, digest)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS deleted_repository (
    repository TEXT PRIMARY KEY, deletedAt TEXT NOT NULL, createdTime TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS deleted_manifest_by_time ON deleted_manifest (deletedAt);
  CREATE INDEX IF NOT EXISTS deleted_tag_by_time ON deleted_tag (deletedAt);
`;

/** What has been deleted and can still be brought back. */
export function createDeletedStore(database: Database): DeletedStore {
  const forgetEmptyRepositories = () => {
    database.run(`DELETE FROM deleted_repository WHERE
      NOT EXISTS (SELECT 1 FROM deleted_manifest WHERE repository = deleted_repository.repository)
      AND NOT EXISTS (SELECT 1 FROM deleted_tag WHERE repository = deleted_repository.repository)`);
  };
  return {
    putRepository({ name, createdTime, deletedAt }) {
      database.run(
        "INSERT OR REPLACE INTO deleted_repository VALUES (?, ?, ?)",
        name,
        sortable(deletedAt),
        sortable(createdTime),
      );
    },
    repositories({ after = "", limit }) {
      return database
        .all("SELECT * FROM deleted_repository WHERE repository > ? ORDER BY repository LIMIT ?", after, limit)
        .map(repositoryOf);
    },
    repository(name) {
      const row = database.get("SELECT * FROM deleted_repository WHERE repository = ?", name);
      return row === undefined ? undefined : repositoryOf(row);
    },
    removeRepository(name) {
      database.run("DELETE FROM deleted_repository WHERE repository = ?", name);
    },
    putManifest(repository, { record, content, deletedAt }) {
      database.run(
        "INSERT OR REPLACE INTO deleted_manifest VALUES (?, ?, ?, ?, ?, ?)",
        repository,
        record.digest,
        sortable(deletedAt),
        sortable(record.createdTime),
        JSON.stringify(record),
        content,
      );
    },
    manifest(repository, digest) {
      const row = database.get(
        "SELECT * FROM deleted_manifest WHERE repository = ? AND digest = ?",
        repository,
        digest,
      );
      return row === undefined ? undefined : manifestOf(row);
    },
    manifests(repository, { after = "", limit }) {
      const sql = "SELECT * FROM deleted_manifest WHERE repository = ? AND digest > ? ORDER BY digest LIMIT ?";
      return database.all(sql, repository, after, limit).map(manifestOf);
    },
    removeManifest(repository, digest) {
      database.run("DELETE FROM deleted_manifest WHERE repository = ? AND digest = ?", repository, digest);
    },
    putTag(repository, { name, digest, createdTime, deletedAt }) {
      database.run(
        "INSERT OR REPLACE INTO deleted_tag (repository, name, digest, createdTime, deletedAt) VALUES (?, ?, ?, ?, ?)",
        repository,
        name,
        digest,
        sortable(createdTime),
        sortable(deletedAt),
      );
    },
    tags(repository, { after, limit }) {
      return database
        .all(
          `SELECT * FROM deleted_tag WHERE repository = ? AND (name, deletedAt) > (?, ?)
        ORDER BY name, deletedAt, digest LIMIT ?`,
          repository,
          after?.name ?? "",
          after === undefined ? "" : sortable(after.deletedAt),
          limit,
        )
        .map(tagOf);
    },
    removeTag(repository, name, digest) {
      database.run(
        "DELETE FROM deleted_tag WHERE repository = ? AND name = ? AND digest = ?",
        repository,
        name,
        digest,
      );
    },
    purge(before) {
      const limit = sortable(before);
      database.transaction(() => {
        database.run("DELETE FROM deleted_manifest WHERE deletedAt <= ?", limit);
        database.run("DELETE FROM deleted_tag WHERE deletedAt <= ?", limit);
        forgetEmptyRepositories();
      });
    },
  };
}

function repositoryOf(row: Row): DeletedRepository {
  return {
    name: textOf(row, "repository"),
    createdTime: textOf(row, "createdTime"),
    deletedAt: textOf(row, "deletedAt"),
  };
}

function manifestOf(row: Row): DeletedManifest {
  return {
    record: JSON.parse(textOf(row, "record")) as ManifestRecord,
    content: row.content as Uint8Array,
    deletedAt: textOf(row, "deletedAt") as Timestamp,
  };
}

function tagOf(row: Row): DeletedTag {
  return {
    name: textOf(row, "name"),
    digest: textOf(row, "digest") as Digest,
    createdTime: textOf(row, "createdTime"),
    deletedAt: textOf(row, "deletedAt"),
  };
}
