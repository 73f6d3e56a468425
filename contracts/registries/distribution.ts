import { missingProgram } from "./installed.ts";
import { servedBy } from "./program.ts";
import type { RegistryHarness } from "./registry.ts";

/** CNCF distribution, as Debian packages it: the registry that most others descend from. Plain http, no login. */
export const distributionHarness: RegistryHarness = {
  name: "distribution (docker-registry)",
  missing: missingProgram("docker-registry"),
  start: () =>
    servedBy("docker-registry", (folder, port) => ({
      version: "0.1",
      log: { level: "error" },
      storage: { filesystem: { rootdirectory: folder }, delete: { enabled: true } },
      http: { addr: `127.0.0.1:${port}` },
    })),
};
