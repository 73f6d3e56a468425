// A proxy in a process of its own, so that what it costs counts for nobody: main.ts DISTANCE PORT...

import type { Distance } from "./line.ts";
import { listen } from "./listen.ts";

const [distance = "", ...targets] = process.argv.slice(2);
const ports = await Promise.all(
  targets.map(async (target) => (await listen(Number(target), JSON.parse(distance) as Distance)).port),
);
process.send?.(ports);
process.on("disconnect", () => process.exit());
