// Draws the map in CONTRIBUTING.md anew: node contracts/layers/update-map.ts
import { readFileSync, writeFileSync } from "node:fs";
import { withMap } from "./map.ts";

const file = new URL("../../CONTRIBUTING.md", import.meta.url);
writeFileSync(file, withMap(readFileSync(file, "utf8")));
