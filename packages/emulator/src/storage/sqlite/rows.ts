import type { Attributes, Timestamp } from "../records.ts";
import type { Row } from "./database.ts";

/** Columns every record with attributes has, in the order of `attributeValues`. */
export const ATTRIBUTE_COLUMNS = "deleteEnabled, writeEnabled, readEnabled, listEnabled";

export function attributeValues(attributes: Attributes): number[] {
  const { deleteEnabled, writeEnabled, readEnabled, listEnabled } = attributes;
  return [deleteEnabled, writeEnabled, readEnabled, listEnabled].map(Number);
}

export function attributesOf(row: Row): Attributes {
  return {
    deleteEnabled: row.deleteEnabled === 1,
    writeEnabled: row.writeEnabled === 1,
    readEnabled: row.readEnabled === 1,
    listEnabled: row.listEnabled === 1,
  };
}

export function textOf(row: Row, column: string): string {
  return String(row[column]);
}

export function optionalTextOf(row: Row, column: string): string | undefined {
  const value = row[column];
  return typeof value === "string" ? value : undefined;
}

/** For `ON CONFLICT DO UPDATE SET`: each column as it was to be inserted. `REPLACE` would delete the row, counts and all. */
export function updatesOf(columns: string): string {
  return columns
    .split(",")
    .map((column) => `${column.trim()} = excluded.${column.trim()}`)
    .join(", ");
}

/** With seven digits after the dot, so that times sort as texts. */
export function sortable(time: Timestamp): Timestamp {
  const [whole = "", fraction = ""] = time.replace(/Z$/, "").split(".");
  return `${whole}.${fraction.slice(0, 7).padEnd(7, "0")}Z`;
}
