import type { Row } from "./rows/row.ts";

/** Prints a table for each set of peers, with our part of each one's rate. */
export function printTables(rows: readonly Row[]): void {
  const tables = Map.groupBy(rows, ({ peers }) => Object.keys(peers).join());
  for (const table of tables.values()) console.table(table.map(toCells));
}

function toCells({ name, unit, ours, floor, peers }: Row) {
  const others = Object.entries(peers);
  return {
    row: name,
    unit,
    acrkit: digits(ours),
    ...(floor === undefined ? {} : { "bare https": digits(floor) }),
    ...Object.fromEntries(others.map(([peer, value]) => [peer, digits(value)])),
    ...Object.fromEntries(others.map(([peer, value]) => [`ours / ${peer}`, digits(ours / value)])),
  };
}

/** Three digits that count; more would be noise. */
function digits(value: number): number {
  return Number(value.toPrecision(3));
}
