import type { RepositorySummary } from "../records.ts";
import type { RepositoryStore } from "../store.ts";
import type { Database, Row } from "./database.ts";
import { ATTRIBUTE_COLUMNS, attributesOf, attributeValues, sortable, textOf } from "./rows.ts";

/** `unlinkAll` removes a repository's blobs, whose bytes are no affair of the database. */
export function createRepositoryStore(database: Database, unlinkAll: (repository: string) => void): RepositoryStore {
  return {
    get(name) {
      const row = database.get(
        `SELECT *,
          (SELECT count(*) FROM manifest WHERE repository = repository.name) AS manifestCount,
          (SELECT count(*) FROM tag WHERE repository = repository.name) AS tagCount
        FROM repository WHERE name = ?`,
        name,
      );
      return row === undefined ? undefined : summaryOf(row);
    },
    put({ name, createdTime, lastUpdateTime, attributes }) {
      database.run(
        `INSERT OR REPLACE INTO repository (name, createdTime, lastUpdateTime, ${ATTRIBUTE_COLUMNS})
        VALUES (?, ?, ?, ?, ?, ?, ?)`,
        name,
        sortable(createdTime),
        sortable(lastUpdateTime),
        ...attributeValues(attributes),
      );
    },
    delete(name) {
      const existed = database.transaction(() => {
        database.run("DELETE FROM tag WHERE repository = ?", name);
        database.run("DELETE FROM manifest WHERE repository = ?", name);
        database.run("DELETE FROM departed WHERE repository = ?", name);
        return database.run("DELETE FROM repository WHERE name = ?", name) > 0;
      });
      unlinkAll(name);
      return existed;
    },
    list({ after = "", limit, listedOnly = false }) {
      const filter = listedOnly ? "AND listEnabled = 1" : "";
      return database
        .all(`SELECT name FROM repository WHERE name > ? ${filter} ORDER BY name LIMIT ?`, after, limit)
        .map((row) => textOf(row, "name"));
    },
  };
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
