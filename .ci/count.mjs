// Counts test runs: node .ci/count.mjs <failed steps besides> [<vitest's JSON report> <vitest's exit code>]…
import { readFileSync } from "node:fs";

const [failedSteps, ...runs] = process.argv.slice(2);
const total = { passed: 0, failed: Number(failedSteps), skipped: 0 };
for (let index = 0; index < runs.length; index += 2) {
  const counted = count(runs[index], runs[index + 1]);
  for (const key of Object.keys(total)) total[key] += counted[key];
}
process.exitCode = total.failed === 0 ? 0 : 1;
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);

function count(file, exitCode) {
  const counted = { passed: 0, failed: 0, skipped: 0 };
  try {
    const report = JSON.parse(readFileSync(file, "utf8"));
    counted.passed = report.numPassedTests;
    counted.skipped = report.numPendingTests + report.numTodoTests;
    // A file that cannot be loaded fails without a failed test in it.
    const broken = report.testResults.filter(
      ({ status, assertionResults }) =>
        status === "failed" && !assertionResults.some((test) => test.status === "failed"),
    );
    counted.failed = report.numFailedTests + broken.length;
  } catch (error) {
    console.log(`the test run left no report: ${error.message}`);
  }
  // An error outside of any test, or no run at all.
  if (exitCode !== "0" && counted.failed === 0) counted.failed = 1;
  return counted;
}
