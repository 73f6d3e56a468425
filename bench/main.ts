// npm run bench [-- --only NAME-OR-BEGINNING] [--json FILE] [--rounds N] [--blob-mib N]
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { memoryGrowthRows, registryMemoryGrowthRows } from "./rows/memory-growth.ts";
import { registryPullRows, registryPushRows } from "./rows/registry-blobs.ts";
import { registryManifestRows, registryTagRows } from "./rows/registry-reads.ts";
import { registryDownloadRows, registryUploadRows } from "./rows/registry-transfer.ts";
import { requestRows } from "./rows/requests-per-call.ts";
import type { Row } from "./rows/row.ts";
import { downloadRows, uploadRows } from "./rows/transfer.ts";
import { printTables } from "./table.ts";

const GROUPS = [
  uploadRows,
  downloadRows,
  memoryGrowthRows,
  requestRows,
  registryUploadRows,
  registryDownloadRows,
  registryMemoryGrowthRows,
  registryPushRows,
  registryPullRows,
  registryManifestRows,
  registryTagRows,
];

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    json: { type: "string" },
    rounds: { type: "string", default: "5" },
    "blob-mib": { type: "string", default: "1024" },
  },
});

// A row, or all whose names begin alike: `--only emulator`.
const isWanted = (name: string) =>
  values.only === undefined || name === values.only || name.startsWith(`${values.only}-`);
const groups = GROUPS.filter(({ names }) => names.some(isWanted));
if (groups.length === 0) {
  console.error(`There is no row ${values.only}. Rows: ${GROUPS.flatMap(({ names }) => names).join(", ")}`);
  process.exit(2);
}
const rows: Row[] = [];
for (const { names, missing, run } of groups) {
  if (missing !== undefined) {
    console.error(`Skipped, since ${missing}: ${names.filter(isWanted).join(", ")}`);
    continue;
  }
  const all = await run({ rounds: Number(values.rounds), blobMiB: Number(values["blob-mib"]) });
  rows.push(...all.filter(({ name }) => isWanted(name)));
}
printTables(rows);
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);
