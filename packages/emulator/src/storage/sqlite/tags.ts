import type { Digest } from "@acrkit/oci";
import type { TagRecord } from "../records.ts";
import type { TagStore } from "../store.ts";
import type { Database, Row } from "./database.ts";
import { listPage } from "./listing.ts";
import { ATTRIBUTE_COLUMNS, attributesOf, attributeValues, sortable, textOf, updatesOf } from "./rows.ts";

const COLUMNS = `name, digest, createdTime, lastUpdateTime, ${ATTRIBUTE_COLUMNS}`;
const UPDATES = updatesOf(COLUMNS);

export function createTagStore(database: Database): TagStore {
  return {
    get(repository, name) {
      const row = database.get(`SELECT ${COLUMNS} FROM tag WHERE repository = ? AND name = ?`, repository, name);
      return row === undefined ? undefined : tagOf(row);
    },
    put(repository, { name, digest, createdTime, lastUpdateTime, attributes }) {
      database.run(
        `INSERT INTO tag (repository, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET ${UPDATES}`,
        repository,
        name,
        digest,
        sortable(createdTime),
        sortable(lastUpdateTime),
        ...attributeValues(attributes),
      );
    },
    delete(repository, name) {
      return database.run("DELETE FROM tag WHERE repository = ? AND name = ?", repository, name) > 0;
    },
    list(repository, query) {
      return listPage(database, "tag", COLUMNS, repository, query).map(tagOf);
    },
  };
}

function tagOf(row: Row): TagRecord {
  return {
    name: textOf(row, "name"),
    digest: textOf(row, "digest") as Digest,
    createdTime: textOf(row, "createdTime"),
    lastUpdateTime: textOf(row, "lastUpdateTime"),
    attributes: attributesOf(row),
  };
}
