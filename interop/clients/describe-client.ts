import { describe } from "vitest";
import { folderOf, type InstalledClients } from "../install/cache.ts";
import { isSelected } from "./selection.ts";

/** A `describe` for a client; skipped, and the reason printed, when it is not installed. */
export function describeClient(name: string, installed: InstalledClients, tests: (folder: string) => void): void {
  if (!isSelected(name)) return;
  const found = installed[name] ?? { problem: "not installed; run npm run interop" };
  const problem = "problem" in found ? found.problem : undefined;
  if (problem !== undefined) console.log(`SKIPPED: ${name}: ${problem}`);
  describe.skipIf(problem !== undefined)(name, () => tests(folderOf(name)));
}
