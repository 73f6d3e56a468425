import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Row } from "../rows/row.ts";
import { drawChart } from "./chart.ts";
import type { Machine } from "./machine.ts";
import { toMarkdown } from "./markdown.ts";

/** A row, and when and how it came to be: rows of one file need not be of one run. */
export interface RecordedRow extends Row {
  /** `2026-11-24` */
  readonly date: string;
}

export interface ResultsFile {
  readonly machine: Machine;
  /** By name, whoever has a version. */
  readonly versions: Readonly<Record<string, string>>;
  /** By name, why somebody takes no part. */
  readonly missing: Readonly<Record<string, string>>;
  readonly rows: readonly RecordedRow[];
}

/**
 * Writes `results.json`, `results.md` and `chart.svg` into a folder. Rows that were there stay when they come from the same
 * machine and the same versions and have not been measured again.
 */
export async function writeResults(folder: string, fresh: ResultsFile): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, "results.json");
  const before = await readResults(file);
  const kept = before !== undefined && isComparable(before, fresh) ? before.rows : [];
  const measured = new Map(fresh.rows.map((row) => [row.name, row]));
  const rows = [...kept.map((row) => measured.get(row.name) ?? row), ...fresh.rows];
  const whole = { ...fresh, rows: [...new Map(rows.map((row) => [row.name, row])).values()] };
  await writeFile(file, `${JSON.stringify(whole, undefined, 2)}\n`);
  await writeFile(join(folder, "results.md"), toMarkdown(whole));
  await writeFile(join(folder, "chart.svg"), drawChart(whole));
}

async function readResults(file: string): Promise<ResultsFile | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as ResultsFile;
  } catch {
    return undefined;
  }
}

function isComparable(before: ResultsFile, after: ResultsFile): boolean {
  const conditions = ({ machine, versions }: ResultsFile) => JSON.stringify([machine, versions]);
  return conditions(before) === conditions(after);
}
