import { missingProgram } from "./installed.ts";
import { servedBy } from "./program.ts";
import type { RegistryHarness } from "./registry.ts";

/** zot: an OCI registry of another descent, which tells how far an upload has come. Plain http, no login. */
export const zotHarness: RegistryHarness = {
  name: "zot",
  missing: missingProgram("zot", "https://zotregistry.dev: put its binary on the path"),
  start: () =>
    servedBy("zot", (folder, port) => ({
      distSpecVersion: "1.1.0",
      storage: { rootDirectory: folder, gc: false },
      http: { address: "127.0.0.1", port: String(port) },
      log: { level: "error" },
    })),
};
