// npm run bench [-- --only NAME] [--json FILE] [--rounds N] [--blob-mib N]
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { memoryGrowthRows } from "./rows/memory-growth.ts";
import { requestRows } from "./rows/requests-per-call.ts";
import type { Row } from "./rows/row.ts";
import { downloadRows, uploadRows } from "./rows/transfer.ts";

const GROUPS = [uploadRows, downloadRows, memoryGrowthRows, requestRows];

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    json: { type: "string" },
    rounds: { type: "string", default: "5" },
    "blob-mib": { type: "string", default: "1024" },
  },
});

const groups = GROUPS.filter(({ names }) => values.only === undefined || names.includes(values.only));
if (groups.length === 0) {
  console.error(`There is no row ${values.only}. Rows: ${GROUPS.flatMap(({ names }) => names).join(", ")}`);
  process.exit(2);
}
const rows: Row[] = [];
for (const group of groups) {
  const all = await group.run({ rounds: Number(values.rounds), blobMiB: Number(values["blob-mib"]) });
  rows.push(...all.filter(({ name }) => values.only === undefined || name === values.only));
}
printTable(rows);
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);

function printTable(rows: readonly Row[]): void {
  const table = rows.map(({ name, unit, ours, floor, peers }) => ({
    row: name,
    unit,
    acrkit: digits(ours),
    "bare https": digits(floor),
    ...Object.fromEntries(Object.entries(peers).map(([peer, value]) => [peer, digits(value)])),
    ...Object.fromEntries(Object.entries(peers).map(([peer, value]) => [`ours / ${peer}`, digits(ours / value)])),
  }));
  console.table(table);
}

/** Three digits that count; more would be noise. */
function digits(value: number): number {
  return Number(value.toPrecision(3));
}
