import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

// vitest.test.ts beside this file is run as it is; this one runs what belongs to another test runner.
test("the example for node:test passes", async () => {
  // Vitest's own variables would have the child report to it.
  const { PATH, TMPDIR } = process.env;
  const args = [
    "--conditions=@acrkit/source",
    "--test",
    "--test-reporter=tap",
    join(import.meta.dirname, "node-test.ts"),
  ];
  const { code, out } = await new Promise<{ code: number | string; out: string }>((resolve) => {
    execFile(process.execPath, args, { env: { PATH, TMPDIR } }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, out: stdout + stderr });
    });
  });
  expect(out).toMatch(/^# pass 3$/m);
  expect(code).toBe(0);
});
