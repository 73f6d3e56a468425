// npm run interop [-- --only crane,oras,conformance] [--outputFile.json=FILE] [any option of Vitest]
import { spawnSync } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { SDKS, TOOLS } from "./clients/index.ts";
import { isSelected } from "./clients/selection.ts";
import { CONFORMANCE } from "./conformance/suite.ts";
import { CACHE, installAll } from "./install/cache.ts";
import { readReport, skipReasons } from "./matrix/report.ts";
import { writeMatrix } from "./matrix/write-matrix.ts";

const arguments_ = process.argv.slice(2);
const only = takeOption("--only");
const report = takeOption("--outputFile.json") ?? join(CACHE, "report.json");
if (only !== undefined) process.env.INTEROP_ONLY = only;

const groups = [
  { file: "tools.test.ts", clients: TOOLS },
  { file: "sdks.test.ts", clients: SDKS },
  { file: "conformance.test.ts", clients: [CONFORMANCE] },
].map(({ file, clients }) => ({ file, clients: clients.filter(({ name }) => isSelected(name)) }));
const wanted = groups.flatMap(({ clients }) => clients);
if (wanted.length === 0) {
  console.error(
    `There is no client ${only}. Clients: ${[...TOOLS, ...SDKS, CONFORMANCE].map(({ name }) => name).join(", ")}`,
  );
  process.exit(2);
}
const installed = await installAll(wanted);

// That of the run before would be taken for this one's, should Vitest not get to its end.
await rm(report, { force: true });
const vitest = spawnSync(
  process.execPath,
  [
    join(import.meta.dirname, "..", "node_modules", "vitest", "vitest.mjs"),
    ...["run", "--config", join(import.meta.dirname, "vitest.config.ts")],
    ...["--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
    // A file without a wanted client would have no tests in it, which Vitest takes for a failure.
    ...(only === undefined ? [] : groups.filter(({ clients }) => clients.length > 0).map(({ file }) => file)),
    ...arguments_,
  ],
  { stdio: "inherit" },
);

for (const { name } of wanted) {
  const client = installed[name];
  console.log(
    client !== undefined && "version" in client
      ? `ran: ${name} ${client.version}`
      : `SKIPPED: ${name}: ${client?.problem}`,
  );
}
const results = await readReport(report).catch(() => []);
for (const [reason, count] of skipReasons(results)) console.log(`SKIPPED: ${count} of the suite's specs: ${reason}`);
// A part of the matrix would look like the whole.
if (only === undefined && arguments_.length === 0) console.log(await writeMatrix(report, installed));
process.exitCode = vitest.status ?? 1;

/** Takes `--name=value` or `--name value` out of the arguments, so that Vitest does not see it. */
function takeOption(name: string): string | undefined {
  const index = arguments_.findIndex((argument) => argument === name || argument.startsWith(`${name}=`));
  if (index < 0) return undefined;
  const [taken = ""] = arguments_.splice(index, 1);
  return taken === name ? arguments_.splice(index, 1)[0] : taken.slice(name.length + 1);
}
