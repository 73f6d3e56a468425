import { type Row, valuesOf } from "../rows/row.ts";
import { digits } from "./digits.ts";
import type { ResultsFile } from "./results.ts";

/** The results as a page: under which conditions, and a table for each row. */
export function toMarkdown({ machine, versions, missing, rows }: ResultsFile): string {
  const { cpu, cores, memoryGiB, system, node } = machine;
  return [
    "# Results",
    "",
    "Written by `npm run bench`. What each row means: [docs/performance.md](../../docs/performance.md).",
    "",
    `${cores} cores of ${cpu}, ${memoryGiB} GiB of memory, ${system}, Node.js ${node}. Medians; acrkit's ratio is how many times as good`,
    "acrkit is, whichever way the figure is read.",
    "",
    "![Everyone's medians](chart.svg)",
    "",
    "| who | version |",
    "|---|---|",
    ...Object.entries(versions).map(([who, version]) => `| ${who} | ${version} |`),
    "",
    ...Object.entries(missing).map(([who, reason]) => `Not measured: ${who}: ${reason}\n`),
    ...rows.flatMap(section),
  ].join("\n");
}

function section(row: Row & { readonly date: string }): readonly string[] {
  const { name, unit, ours, spoken, rounds = {}, date } = row;
  const head = [
    "who",
    unit,
    ...(spoken === undefined ? [] : [spoken.unit]),
    "slowest to fastest round",
    "acrkit's ratio",
  ];
  const lines = Object.entries(valuesOf(row)).map(([who, value]) => {
    const all = rounds[who] ?? [];
    const cells = [
      who === "floor" ? "floor (bare `node:https`)" : who,
      digits(value),
      ...(spoken === undefined ? [] : [digits(spoken.values[who] ?? Number.NaN)]),
      all.length === 0 ? "" : `${digits(Math.min(...all))} to ${digits(Math.max(...all))}`,
      who === "acrkit" ? "" : digits(ours / value),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const count = Math.max(0, ...Object.values(rounds).map((all) => all.length));
  return [
    `## ${name}`,
    "",
    `${date}, ${count} ${count === 1 ? "round" : "rounds"}.`,
    "",
    `| ${head.join(" | ")} |`,
    `|${head.map(() => "---").join("|")}|`,
    ...lines,
    "",
  ];
}
