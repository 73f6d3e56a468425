import type { SQLInputValue } from "node:sqlite";
import type { ListQuery } from "../records.ts";
import type { Database, Row } from "./database.ts";

/**
 * One page of `tag` or `manifest` in the asked order.
 *
 * Ordered by time, a page starts behind the place where `after` stands, or stood before it was deleted: who deletes
 * while walking a list must not lose the rest of it. An entry that never was has no place, and the page is empty.
 */
export function listPage(
  database: Database,
  kind: "tag" | "manifest",
  columns: string,
  repository: string,
  query: ListQuery & { readonly digest?: string | undefined },
): Row[] {
  const conditions = ["repository = ?"];
  const values: SQLInputValue[] = [repository];
  if (query.listedOnly) conditions.push("listEnabled = 1");
  if (query.digest !== undefined) {
    conditions.push("digest = ?");
    values.push(query.digest);
  }
  const order = query.order ?? "name";
  if (query.after !== undefined && order === "name") {
    conditions.push("name > ?");
    values.push(query.after);
  } else if (query.after !== undefined) {
    const time = placeInTime(database, kind, repository, query.after);
    if (time === undefined) return [];
    // The first condition alone is what the index can start from; with an OR it would be read from its beginning.
    const beyond = order === "timeasc" ? ">" : "<";
    conditions.push(`lastUpdateTime ${beyond}= ? AND (lastUpdateTime ${beyond} ? OR name > ?)`);
    values.push(time, time, query.after);
  }
  const by = { name: "name", timeasc: "lastUpdateTime, name", timedesc: "lastUpdateTime DESC, name" }[order];
  // Left to itself, SQLite walks through all the repository's tags in the order of time, and keeps those of the digest.
  const index = query.digest === undefined ? "" : "INDEXED BY tag_by_digest";
  return database.all(
    `SELECT ${columns} FROM ${kind} ${index} WHERE ${conditions.join(" AND ")} ORDER BY ${by} LIMIT ?`,
    ...values,
    query.limit,
  );
}

function placeInTime(database: Database, kind: string, repository: string, name: string): string | undefined {
  const row =
    database.get(`SELECT lastUpdateTime FROM ${kind} WHERE repository = ? AND name = ?`, repository, name) ??
    database.get(
      "SELECT lastUpdateTime FROM departed WHERE repository = ? AND kind = ? AND name = ?",
      repository,
      kind,
      name,
    );
  return row === undefined ? undefined : String(row.lastUpdateTime);
}
