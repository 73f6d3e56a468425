import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { rateRow } from "../rows/row.ts";
import { type ResultsFile, writeResults } from "./results.ts";

const MACHINE = { cpu: "An <old> CPU & more", cores: 2, memoryGiB: 4, system: "linux 6 x64", node: "v24.0.0" };

function resultsOf(rows: readonly string[], ours: number, node = MACHINE.node): ResultsFile {
  return {
    machine: { ...MACHINE, node },
    versions: { crane: "v1" },
    missing: { skopeo: "it is not installed" },
    rows: rows.map((name) => ({
      ...rateRow(name, "MiB/s", { acrkit: [ours, 1, 1_000], floor: [2 * ours], crane: [ours / 4] }, (rate) => rate),
      date: "2026-01-02",
    })),
  };
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "acrkit-results-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

async function readRows(folder: string) {
  const { rows } = JSON.parse(await readFile(join(folder, "results.json"), "utf8")) as ResultsFile;
  return rows.map(({ name, ours }) => [name, ours]);
}

test("rows that are measured again replace their like, and the others stay", async () => {
  const folder = await temporaryFolder();
  await writeResults(folder, resultsOf(["one", "two"], 100));
  await writeResults(folder, resultsOf(["three", "two"], 200));
  expect(await readRows(folder)).toEqual([
    ["one", 100],
    ["two", 200],
    ["three", 200],
  ]);
});

test("rows of other conditions do not stay", async () => {
  const folder = await temporaryFolder();
  await writeResults(folder, resultsOf(["one"], 100));
  await writeResults(folder, resultsOf(["two"], 100, "v26.0.0"));
  expect(await readRows(folder)).toEqual([["two", 100]]);
});

test("the page has everyone's median, spread and ratio, and who is missing", async () => {
  const folder = await temporaryFolder();
  await writeResults(folder, resultsOf(["one"], 100));
  const page = await readFile(join(folder, "results.md"), "utf8");
  expect(page).toContain("| acrkit | 100 | 1 to 1,000 |  |");
  expect(page).toContain("| floor (bare `node:https`) | 200 | 200 to 200 | 0.5 |");
  expect(page).toContain("| crane | 25 | 25 to 25 | 4 |");
  expect(page).toContain("Not measured: skopeo: it is not installed");
});

test("the chart has a bar for everyone, as long as the figure, and is well-formed", async () => {
  const folder = await temporaryFolder();
  await writeResults(folder, resultsOf(["one", "emulator-two"], 100));
  const chart = await readFile(join(folder, "chart.svg"), "utf8");
  const lengths = [...chart.matchAll(/<rect x="210" y="\d+" width="([\d.]+)"/g)].map(([, width]) => Number(width));
  expect(lengths).toEqual([135, 270, 33.8]);
  expect(chart).toContain("An &lt;old> CPU &amp; more");
  expect(chart).not.toContain("emulator-two");
});
