// Counts a test run: node .ci/count.mjs <vitest's JSON report> <vitest's exit code> <failed steps besides>
import { readFileSync } from "node:fs";

const [file, exitCode, failedSteps] = process.argv.slice(2);
let [passed, failed, skipped] = [0, 0, 0];
try {
  const report = JSON.parse(readFileSync(file, "utf8"));
  passed = report.numPassedTests;
  skipped = report.numPendingTests + report.numTodoTests;
  // A file that cannot be loaded fails without a failed test in it.
  const broken = report.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  failed = report.numFailedTests + broken.length;
} catch (error) {
  console.log(`the test run left no report: ${error.message}`);
}
// An error outside of any test, or no run at all.
if (exitCode !== "0" && failed === 0) failed = 1;
failed += Number(failedSteps);
process.exitCode = failed === 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
