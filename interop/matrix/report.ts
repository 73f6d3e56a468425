import { readFile } from "node:fs/promises";

/** One test of Vitest's JSON report, as far as the matrix needs it. */
export interface TestResult {
  /** The names of its `describe`s, outermost first, then its own. */
  readonly path: readonly string[];
  readonly status: "passed" | "failed" | "skipped";
}

interface JsonReport {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
    }[];
  }[];
}

export async function readReport(file: string): Promise<readonly TestResult[]> {
  const report = JSON.parse(await readFile(file, "utf8")) as JsonReport;
  return report.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .map(({ ancestorTitles, title, status }) => ({
      path: [...ancestorTitles.filter((name) => name !== ""), title],
      status: status === "passed" || status === "failed" ? status : "skipped",
    }));
}

/** Why tests were skipped that have a reason in their name, `… [skipped: why]`, and how many for each. */
export function skipReasons(results: readonly TestResult[]): ReadonlyMap<string, number> {
  const reasons = new Map<string, number>();
  for (const { path, status } of results) {
    const reason = status === "skipped" ? /\[skipped: (.*)\]$/.exec(path.at(-1) ?? "")?.[1] : undefined;
    if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  return reasons;
}
