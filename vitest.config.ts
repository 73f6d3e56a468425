import { defineConfig } from "vitest/config";

// Tests run against the sources: the packages' exports carry this condition beside the built files.
const conditions = ["@acrkit/source", "node", "import", "module", "default"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["packages/*/{src,image}/**/*.test.ts", "{contracts,samples,bench}/**/*.test.ts"],
    // Real registries start and real transfers run in some tests; no test asserts a duration.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
