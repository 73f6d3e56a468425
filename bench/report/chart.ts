import { type Row, valuesOf } from "../rows/row.ts";
import { digits } from "./digits.ts";
import type { ResultsFile } from "./results.ts";

/**
 *     ┌ panel ──────────────┐ ┌ panel ──────────────┐
 *     │ title               │ │                     │
 *     │ who ▇▇▇▇▇▇▇▇▇ 1,234 │ │                     │
 *     └─────────────────────┘ └─────────────────────┘
 */
const COLUMNS = 2;
const PANEL_WIDTH = 540;
const NAME_WIDTH = 210;
const VALUE_WIDTH = 60;
const BAR_WIDTH = PANEL_WIDTH - NAME_WIDTH - VALUE_WIDTH;
const BAR_HEIGHT = 14;
const LINE_HEIGHT = 20;
const TITLE_HEIGHT = 44;
const GAP = 28;

const COLOURS: Readonly<Record<string, string>> = {
  acrkit: "#0f6cbd",
  "acrkit, one stream": "#75b5e8",
  floor: "#8a8a8a",
};
const OTHERS = "#c9a227";

const CHART_TITLE = "Everyone's medians, a panel for each row";

/** A picture of all rows that compare clients: a panel for each, a bar for everyone, with the figure people speak of. */
export function drawChart({ rows, machine }: ResultsFile): string {
  const shown = rows.filter(({ name }) => !name.startsWith("emulator-"));
  const tops = columnTops(shown);
  const panels = shown.map((row, index) => {
    const { column, top } = tops[index] ?? { column: 0, top: 0 };
    return `<g transform="translate(${GAP + column * (PANEL_WIDTH + GAP)} ${top})">\n${panel(row)}\n</g>`;
  });
  const width = GAP + COLUMNS * (PANEL_WIDTH + GAP);
  const height = Math.max(0, ...tops.map(({ top }, index) => top + panelHeight(shown[index]))) + 2 * GAP;
  const caption = `Medians. ${machine.cores} cores of ${machine.cpu}, Node.js ${machine.node}.`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="#1b1b1b" role="img" aria-label="${CHART_TITLE}">`,
    `<title>${CHART_TITLE}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...panels,
    text(GAP, height - GAP / 2, caption, 'fill="#616161"'),
    "</svg>",
    "",
  ].join("\n");
}

/** Each panel goes where the page is shortest so far. */
function columnTops(rows: readonly Row[]): readonly { readonly column: number; readonly top: number }[] {
  const ends = Array.from({ length: COLUMNS }, () => GAP);
  return rows.map((row) => {
    const top = Math.min(...ends);
    const column = ends.indexOf(top);
    ends[column] = top + panelHeight(row) + GAP;
    return { column, top };
  });
}

function panelHeight(row: Row | undefined): number {
  return row === undefined ? 0 : TITLE_HEIGHT + Object.keys(valuesOf(row)).length * LINE_HEIGHT;
}

function panel(row: Row): string {
  const { values, unit } = row.spoken ?? { values: valuesOf(row), unit: row.unit };
  const better = row.spoken === undefined ? "more is better" : "less is better";
  const most = Math.max(...Object.values(values).filter(Number.isFinite));
  const bars = Object.entries(values).map(([who, value], index) => {
    const y = TITLE_HEIGHT + index * LINE_HEIGHT;
    const length = Number.isFinite(value) ? (value / most) * BAR_WIDTH : 0;
    const name = who === "floor" ? "floor (bare node:https)" : who;
    const weight = who === "acrkit" ? ' font-weight="600"' : "";
    return [
      text(NAME_WIDTH - 8, y + BAR_HEIGHT - 3, name, `text-anchor="end"${weight}`),
      `<rect x="${NAME_WIDTH}" y="${y}" width="${length.toFixed(1)}" height="${BAR_HEIGHT}" fill="${COLOURS[who] ?? OTHERS}"/>`,
      text(NAME_WIDTH + length + 6, y + BAR_HEIGHT - 3, digits(value), weight.trim()),
    ].join("\n");
  });
  return [
    text(0, 14, row.name, 'font-size="15" font-weight="600"'),
    text(0, 32, `${unit}; ${better}`, 'fill="#616161"'),
    ...bars,
  ].join("\n");
}

function text(x: number, y: number, content: string, attributes = ""): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped}</text>`;
}
