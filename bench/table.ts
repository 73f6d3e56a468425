import { digits } from "./report/digits.ts";
import { type Row, valuesOf } from "./rows/row.ts";

/** Prints a row: everyone's median, and how many times as good ours is. */
export function printRow(row: Row): void {
  const { name, unit, spoken } = row;
  const values = valuesOf(row);
  const width = Math.max(...Object.keys(values).map((who) => who.length));
  console.log(`\n${name}, ${unit}${spoken === undefined ? "" : ` (${spoken.unit})`}`);
  for (const [who, value] of Object.entries(values)) {
    const said = spoken === undefined ? "" : ` (${digits(spoken.values[who] ?? Number.NaN)})`;
    const ratio = who === "acrkit" ? "" : `   acrkit is ${digits(row.ours / value)} times that`;
    console.log(`  ${who.padEnd(width)}  ${digits(value)}${said}${ratio}`);
  }
}
