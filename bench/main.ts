// npm run bench [-- --only NAME-OR-BEGINNING,…] [--contenders NAME,…] [--rounds N] [--long] [--long-rounds N]
//                   [--blob-mib N] [--distant-mib N] [--json FILE] [--results FOLDER]
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Field, gatherField } from "./field.ts";
import { describeMachine } from "./report/machine.ts";
import { type ResultsFile, writeResults } from "./report/results.ts";
import { authenticationRows } from "./rows/authentication.ts";
import { registryMemoryGrowthRows } from "./rows/memory-growth.ts";
import { registryPullRows, registryPushRows } from "./rows/registry-blobs.ts";
import { registryManifestRows, registryTagRows } from "./rows/registry-reads.ts";
import { registryDownloadRows, registryUploadRows } from "./rows/registry-transfer.ts";
import { requestRows } from "./rows/requests-per-call.ts";
import type { Row } from "./rows/row.ts";
import { TRANSFER_ROWS } from "./rows/transfer.ts";
import { printRow } from "./table.ts";

const GROUPS = [
  ...TRANSFER_ROWS,
  requestRows,
  authenticationRows,
  registryUploadRows,
  registryDownloadRows,
  registryMemoryGrowthRows,
  registryPushRows,
  registryPullRows,
  registryManifestRows,
  registryTagRows,
];

const WHOLE_BLOB_MIB = 1024;

const { values } = parseArgs({
  options: {
    /** Rows, or beginnings of their names: `upload`, `emulator`. */
    only: { type: "string" },
    /** Who moves blobs, by name; everyone when left out. */
    contenders: { type: "string" },
    rounds: { type: "string", default: "5" },
    /** The rows that take minutes for each contender, as well. */
    long: { type: "boolean", default: false },
    "long-rounds": { type: "string", default: "5" },
    "blob-mib": { type: "string", default: String(WHOLE_BLOB_MIB) },
    /** The same for the rows over a distance; that of `--blob-mib` when left out. */
    "distant-mib": { type: "string" },
    json: { type: "string" },
    results: { type: "string" },
  },
});

const only = values.only?.split(",");
/** A row's own name stands for it and those that the same run gives; any other for all rows that begin with it. */
const isWanted = (name: string) =>
  only === undefined ||
  only.some((wanted) => {
    const group = GROUPS.find(({ names }) => names.includes(wanted));
    return group === undefined ? name.startsWith(`${wanted}-`) : group.names.includes(name);
  });
const groups = GROUPS.filter(
  ({ names, long = false }) => names.some(isWanted) && (!long || values.long || only !== undefined),
);
if (groups.length === 0) {
  console.error(`There is no row ${values.only}. Rows: ${GROUPS.flatMap(({ names }) => names).join(", ")}`);
  process.exit(2);
}

let gathered: Promise<Field> | undefined;
const field = () => {
  gathered ??= gatherField(values.contenders?.split(",")).then(announce);
  return gathered;
};
const options = {
  rounds: Number(values.rounds),
  longRounds: Number(values["long-rounds"]),
  blobMiB: Number(values["blob-mib"]),
  distantMiB: Number(values["distant-mib"] ?? values["blob-mib"]),
  field,
};

const rows: Row[] = [];
const started = performance.now();
for (const { names, missing, run } of groups) {
  if (missing !== undefined) {
    console.error(`Skipped, since ${missing}: ${names.filter(isWanted).join(", ")}`);
    continue;
  }
  for (const row of await run(options)) {
    if (!isWanted(row.name)) continue;
    rows.push(row);
    printRow(row);
  }
}
console.log(`\n${((performance.now() - started) / 60_000).toFixed(1)} minutes`);
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);

// A smaller blob, or somebody missing, would look like the whole in the files that are kept; without a field, nobody was
// compared.
const isWhole =
  gathered !== undefined &&
  Math.min(options.blobMiB, options.distantMiB) >= WHOLE_BLOB_MIB &&
  values.contenders === undefined;
const folder = values.results ?? (isWhole ? join(import.meta.dirname, "results") : undefined);
if (folder !== undefined) await writeResults(folder, await toFile());

async function toFile(): Promise<ResultsFile> {
  const { entrants, missing } = await field();
  const versions = entrants.flatMap(({ name, version }) => (version === undefined ? [] : [[name, version]]));
  const date = new Date().toISOString().slice(0, 10);
  return {
    machine: describeMachine(),
    versions: Object.fromEntries(versions),
    missing,
    rows: rows.map((row) => ({ ...row, date })),
  };
}

function announce(all: Field): Field {
  for (const { name, version = "" } of all.entrants) console.log(`Takes part: ${name} ${version}`.trimEnd());
  for (const [name, reason] of Object.entries(all.missing)) console.log(`SKIPPED: ${name}: ${reason}`);
  return all;
}
