import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SDKS, TOOLS } from "../clients/index.ts";
import { CONFORMANCE, SPEC_VERSION } from "../conformance/suite.ts";
import type { InstalledClients } from "../install/cache.ts";
import { formatMatrix } from "./matrix.ts";
import { readReport } from "./report.ts";

const FILE = "docs/emulator-compatibility.md";

/** Writes the compatibility document after a whole run, and says whether it changed. */
export async function writeMatrix(report: string, installed: InstalledClients): Promise<string> {
  const file = join(import.meta.dirname, "..", "..", FILE);
  const text = formatMatrix({
    tools: TOOLS,
    sdks: SDKS,
    conformance: CONFORMANCE.name,
    specVersion: SPEC_VERSION,
    installed,
    results: await readReport(report),
  });
  const before = await readFile(file, "utf8").catch(() => "");
  if (before === text) return `${FILE}: unchanged`;
  await writeFile(file, text);
  return `${FILE}: written`;
}
