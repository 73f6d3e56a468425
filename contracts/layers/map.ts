import { PACKAGES, type PackageRules } from "./table.ts";

/** The table as text for CONTRIBUTING.md, between its two markers; `update-map.ts` writes it there. */
export function drawMap(): string {
  return Object.entries(PACKAGES).map(drawPackage).join("\n\n");
}

const BEGIN = "<!-- map: node contracts/layers/update-map.ts -->\n```text\n";
const END = "\n```\n<!-- end of map -->";

/** A document with the map between its markers replaced by today's. */
export function withMap(document: string): string {
  const [from, to] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`the document lacks ${BEGIN} and ${END}`);
  return document.slice(0, from + BEGIN.length) + drawMap() + document.slice(to);
}

function drawPackage([name, { folder, mayImport, layers = {} }]: [string, PackageRules]): string {
  const width = Math.max(...Object.keys(layers).map((layer) => layer.length));
  const rows = Object.entries(layers).map(([layer, below]) => {
    const targets = below === "*" ? "everything below" : below.join(", ");
    return `  ${layer.padEnd(width)}  ${targets}`.trimEnd();
  });
  return [`${folder}  (${name})  imports ${mayImport.join(", ") || "none of ours"}`, ...rows].join("\n");
}
