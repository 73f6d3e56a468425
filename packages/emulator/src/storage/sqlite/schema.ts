import type { DatabaseSync } from "node:sqlite";
import { DELETED_SCHEMA } from "./deleted.ts";
import { blobsOf } from "./manifest-blobs.ts";

/*
 * repository        name*  times  attributes
 * manifest          repository*  digest*  what /acr/v1 and referrers show  times  attributes  content
 * manifest_blob     repository*  blob*  manifest*       what keeps a blob from being garbage; outlives its manifest
 * tag               repository*  name*  digest  times  attributes
 * blob_link         repository*  digest*  size  linkedAt   a link may come before the repository: blobs are pushed first
 * departed          repository*  kind*  name*  lastUpdateTime   where a deleted entry stood in the order by time
 * repository_count  repository*  how many manifests and tags it has
 * usage             one row: how much there is in all
 *
 * The counts are kept by triggers, in the transaction of what they count. To remove a whole repository without a
 * trigger's work for every row, its repository_count goes first: without it the triggers do nothing.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS repository (
    name TEXT PRIMARY KEY, createdTime TEXT NOT NULL, lastUpdateTime TEXT NOT NULL,
    deleteEnabled INT NOT NULL, writeEnabled INT NOT NULL, readEnabled INT NOT NULL, listEnabled INT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS manifest (
    repository TEXT NOT NULL, name TEXT NOT NULL, mediaType TEXT NOT NULL, size INT NOT NULL, imageSize INT NOT NULL,
    createdTime TEXT NOT NULL, lastUpdateTime TEXT NOT NULL, architecture TEXT, os TEXT, configMediaType TEXT,
    subject TEXT, artifactType TEXT, annotations TEXT, quarantineState TEXT, quarantineDetails TEXT,
    deleteEnabled INT NOT NULL, writeEnabled INT NOT NULL, readEnabled INT NOT NULL, listEnabled INT NOT NULL,
    content BLOB, PRIMARY KEY (repository, name)
  );
  CREATE INDEX IF NOT EXISTS manifest_by_time ON manifest (repository, lastUpdateTime, name);
  CREATE INDEX IF NOT EXISTS referrer_by_subject ON manifest (repository, subject, name) WHERE subject IS NOT NULL;
  CREATE TABLE IF NOT EXISTS manifest_blob (
    repository TEXT NOT NULL, digest TEXT NOT NULL, manifest TEXT NOT NULL,
    PRIMARY KEY (repository, digest, manifest)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS tag (
    repository TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
    createdTime TEXT NOT NULL, lastUpdateTime TEXT NOT NULL,
    deleteEnabled INT NOT NULL, writeEnabled INT NOT NULL, readEnabled INT NOT NULL, listEnabled INT NOT NULL,
    PRIMARY KEY (repository, name)
  );
  CREATE INDEX IF NOT EXISTS tag_by_time ON tag (repository, lastUpdateTime, name);
  CREATE INDEX IF NOT EXISTS tag_by_digest ON tag (repository, digest, name);
  CREATE TABLE IF NOT EXISTS blob_link (
    repository TEXT NOT NULL, digest TEXT NOT NULL, size INT NOT NULL, linkedAt INT NOT NULL DEFAULT 0,
    PRIMARY KEY (repository, digest)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS blob_link_by_digest ON blob_link (digest);
  CREATE TABLE IF NOT EXISTS departed (
    repository TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, lastUpdateTime TEXT NOT NULL,
    departedAt INT NOT NULL DEFAULT (unixepoch()), PRIMARY KEY (repository, kind, name)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS repository_count (
    repository TEXT PRIMARY KEY, manifestCount INT NOT NULL DEFAULT 0, manifestBytes INT NOT NULL DEFAULT 0,
    tagCount INT NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS usage (
    id INTEGER PRIMARY KEY CHECK (id = 1), blobCount INT NOT NULL DEFAULT 0, blobBytes INT NOT NULL DEFAULT 0,
    manifestCount INT NOT NULL DEFAULT 0, manifestBytes INT NOT NULL DEFAULT 0, tagCount INT NOT NULL DEFAULT 0
  );
  INSERT OR IGNORE INTO usage (id) VALUES (1);
  CREATE TRIGGER IF NOT EXISTS manifest_arrives AFTER INSERT ON manifest BEGIN
    INSERT INTO repository_count (repository, manifestCount, manifestBytes) VALUES (NEW.repository, 1, NEW.size)
    ON CONFLICT DO UPDATE SET manifestCount = manifestCount + 1, manifestBytes = manifestBytes + NEW.size;
    UPDATE usage SET manifestCount = manifestCount + 1, manifestBytes = manifestBytes + NEW.size;
  END;
  CREATE TRIGGER IF NOT EXISTS manifest_leaves AFTER DELETE ON manifest
  WHEN EXISTS (SELECT 1 FROM repository_count WHERE repository = OLD.repository) BEGIN
    UPDATE repository_count SET manifestCount = manifestCount - 1, manifestBytes = manifestBytes - OLD.size
    WHERE repository = OLD.repository;
    UPDATE usage SET manifestCount = manifestCount - 1, manifestBytes = manifestBytes - OLD.size;
    INSERT OR REPLACE INTO departed (repository, kind, name, lastUpdateTime)
    VALUES (OLD.repository, 'manifest', OLD.name, OLD.lastUpdateTime);
  END;
  CREATE TRIGGER IF NOT EXISTS tag_arrives AFTER INSERT ON tag BEGIN
    INSERT INTO repository_count (repository, tagCount) VALUES (NEW.repository, 1)
    ON CONFLICT DO UPDATE SET tagCount = tagCount + 1;
    UPDATE usage SET tagCount = tagCount + 1;
  END;
  CREATE TRIGGER IF NOT EXISTS tag_leaves AFTER DELETE ON tag
  WHEN EXISTS (SELECT 1 FROM repository_count WHERE repository = OLD.repository) BEGIN
    UPDATE repository_count SET tagCount = tagCount - 1 WHERE repository = OLD.repository;
    UPDATE usage SET tagCount = tagCount - 1;
    INSERT OR REPLACE INTO departed (repository, kind, name, lastUpdateTime)
    VALUES (OLD.repository, 'tag', OLD.name, OLD.lastUpdateTime);
  END;
  CREATE TRIGGER IF NOT EXISTS blob_arrives AFTER INSERT ON blob_link
  WHEN NOT EXISTS (SELECT 1 FROM blob_link WHERE digest = NEW.digest AND repository <> NEW.repository) BEGIN
    UPDATE usage SET blobCount = blobCount + 1, blobBytes = blobBytes + NEW.size;
  END;
  CREATE TRIGGER IF NOT EXISTS blob_leaves AFTER DELETE ON blob_link
  WHEN NOT EXISTS (SELECT 1 FROM blob_link WHERE digest = OLD.digest) BEGIN
    UPDATE usage SET blobCount = blobCount - 1, blobBytes = blobBytes - OLD.size;
  END;
`;

/**
 * What `PRAGMA user_version` says of a database that this code writes. Raise it when an older emulator must not touch
 * the folder any more, or when `migrate` has something to do; a new table alone needs neither.
 *
 * 1 (written as 0)  without counts, ages of links, and what manifests refer to
 */
export const FORMAT = 2;

/** Creates what is not there yet. In a transaction of the caller's. */
export function createSchema(database: DatabaseSync): void {
  database.exec(SCHEMA);
  database.exec(DELETED_SCHEMA);
  database.exec(`PRAGMA user_version = ${FORMAT}`);
}

/** Removes every table, which is faster than removing every row, and creates them anew. In a transaction of the caller's. */
export function recreateSchema(database: DatabaseSync): void {
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all();
  for (const { name } of tables) database.exec(`DROP TABLE "${name}"`);
  createSchema(database);
}

/** Brings a database that an older emulator wrote up to this format. In a transaction of the caller's. */
export function migrate(database: DatabaseSync, now: number): void {
  const { user_version: format } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  const isEmpty = database.prepare("SELECT 1 FROM sqlite_schema").get() === undefined;
  if (isEmpty || format >= FORMAT) return;
  database.exec("ALTER TABLE blob_link ADD COLUMN linkedAt INT NOT NULL DEFAULT 0");
  // How old the links are is not known; none of them is garbage yet.
  database.prepare("UPDATE blob_link SET linkedAt = ?").run(now);
  database.exec(`
    DROP INDEX manifest_by_subject;
    DROP TRIGGER manifest_departs;
    DROP TRIGGER tag_departs;
  `);
  createSchema(database);
  database.exec(`
    INSERT INTO repository_count (repository, manifestCount, manifestBytes, tagCount)
    SELECT repository, sum(manifests), sum(bytes), sum(tags) FROM (
      SELECT repository, 1 AS manifests, size AS bytes, 0 AS tags FROM manifest
      UNION ALL SELECT repository, 0, 0, 1 FROM tag
    ) GROUP BY repository;
    UPDATE usage SET
      (manifestCount, manifestBytes) = (SELECT count(*), coalesce(sum(size), 0) FROM manifest),
      tagCount = (SELECT count(*) FROM tag),
      (blobCount, blobBytes) = (
        SELECT count(*), coalesce(sum(size), 0) FROM (SELECT min(size) AS size FROM blob_link GROUP BY digest));
  `);
  const refer = database.prepare("INSERT OR IGNORE INTO manifest_blob (repository, digest, manifest) VALUES (?, ?, ?)");
  for (const [table, key] of [
    ["manifest", "name"],
    ["deleted_manifest", "digest"],
  ]) {
    const rows = database.prepare(
      `SELECT repository, ${key} AS digest, content FROM ${table} WHERE content IS NOT NULL`,
    );
    for (const { repository, digest, content } of rows.iterate()) {
      for (const blob of blobsOf(content as Uint8Array)) refer.run(String(repository), blob, String(digest));
    }
  }
}
