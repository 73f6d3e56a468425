import { defineConfig } from "vitest/config";

// As in the root's: tests run against the sources, which the packages' exports name under this condition.
const conditions = ["@acrkit/source", "node", "import", "module", "default"];

export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["**/*.test.ts"],
    // Above the time limit of a client's process, so that the process is ended first and its output shown.
    testTimeout: 150_000,
    hookTimeout: 60_000,
    // Two cores: the clients bring threads of their own.
    maxWorkers: 2,
  },
});
