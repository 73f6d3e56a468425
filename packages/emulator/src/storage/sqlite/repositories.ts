import type { Digest } from "@acrkit/oci";
import type { RepositorySummary } from "../records.ts";
import type { RepositoryStore } from "../store.ts";
import type { Database, Row } from "./database.ts";
import { ATTRIBUTE_COLUMNS, attributesOf, attributeValues, sortable, textOf, updatesOf } from "./rows.ts";

const COLUMNS = `name, createdTime, lastUpdateTime, ${ATTRIBUTE_COLUMNS}`;
const UPDATES = updatesOf(COLUMNS);

/** `unlinkAll` removes a repository's blobs, whose bytes are no affair of the database. */
export function createRepositoryStore(database: Database, unlinkAll: (repository: string) => void): RepositoryStore {
  return {
    get(name) {
      const row = database.get(
        `SELECT *, coalesce(manifestCount, 0) AS manifestCount, coalesce(tagCount, 0) AS tagCount
        FROM repository LEFT JOIN repository_count ON repository = name WHERE name = ?`,
        name,
      );
      return row === undefined ? undefined : summaryOf(row);
    },
    put({ name, createdTime, lastUpdateTime, attributes }) {
      database.run(
        `INSERT INTO repository (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET ${UPDATES}`,
        name,
        sortable(createdTime),
        sortable(lastUpdateTime),
        ...attributeValues(attributes),
      );
    },
    delete(name, { keepBlobs = false } = {}) {
      return database.transaction(() => {
        forgetCounts(database, name);
        database.run("DELETE FROM tag WHERE repository = ?", name);
        database.run("DELETE FROM manifest WHERE repository = ?", name);
        database.run("DELETE FROM departed WHERE repository = ?", name);
        if (!keepBlobs) {
          database.run("DELETE FROM manifest_blob WHERE repository = ?", name);
          unlinkAll(name);
        }
        return database.run("DELETE FROM repository WHERE name = ?", name) > 0;
      });
    },
    contents(name) {
      const names = (kind: string) =>
        database
          .all(`SELECT name FROM ${kind} WHERE repository = ? ORDER BY name`, name)
          .map((row) => textOf(row, "name"));
      return { manifests: names("manifest") as Digest[], tags: names("tag") };
    },
    isAnyDisabled(name, attributes) {
      const condition = attributes.map((attribute) => `${attribute} = 0`).join(" OR ");
      const isIn = (kind: string) =>
        database.get(`SELECT 1 FROM ${kind} WHERE repository = ? AND (${condition}) LIMIT 1`, name) !== undefined;
      return isIn("manifest") || isIn("tag");
    },
    list({ after = "", limit, listedOnly = false }) {
      const filter = listedOnly ? "AND listEnabled = 1" : "";
      return database
        .all(`SELECT name FROM repository WHERE name > ? ${filter} ORDER BY name LIMIT ?`, after, limit)
        .map((row) => textOf(row, "name"));
    },
  };
}

/** Takes a repository's counts out of the whole's at once; the triggers then leave its rows alone. */
function forgetCounts(database: Database, repository: string): void {
  database.run(
    `UPDATE usage SET manifestCount = usage.manifestCount - own.manifestCount,
      manifestBytes = usage.manifestBytes - own.manifestBytes, tagCount = usage.tagCount - own.tagCount
    FROM repository_count AS own WHERE own.repository = ?`,
    repository,
  );
  database.run("DELETE FROM repository_count WHERE repository = ?", repository);
}

function summaryOf(row: Row): RepositorySummary {
  return {
    name: textOf(row, "name"),
    createdTime: textOf(row, "createdTime"),
    lastUpdateTime: textOf(row, "lastUpdateTime"),
    attributes: attributesOf(row),
    manifestCount: Number(row.manifestCount),
    tagCount: Number(row.tagCount),
  };
}
