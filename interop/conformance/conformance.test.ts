import { describe, expect, test } from "vitest";
import { describeClient } from "../clients/describe-client.ts";
import { isSelected } from "../clients/selection.ts";
import { folderOf, readInstalled } from "../install/cache.ts";
import { openStage } from "../stage/stage.ts";
import { parseReport, type SpecResult, workflowOf } from "./report.ts";
import { SKIPS } from "./skips.ts";
import { CONFORMANCE, runSuite } from "./suite.ts";

const { name } = CONFORMANCE;
const installed = await readInstalled();
// The suite runs before its specs are known, so it runs while the tests are collected.
const results = isSelected(name) && "version" in (installed[name] ?? {}) ? await runOnce() : [];

describeClient(name, installed, () => {
  for (const result of results) {
    describe(workflowOf(result.name), () => defineTest(result));
  }
  // Skipped like the others would be, so that a run without the suite shows in the count.
  test("the suite has run", () => expect(results.length).toBeGreaterThan(500));

  test.each(SKIPS)("it still skips: $because", ({ message }) => {
    expect(results.some((result) => result.status === "skipped" && message.test(result.message))).toBe(true);
  });
});

async function runOnce(): Promise<readonly SpecResult[]> {
  await using stage = await openStage();
  return await runSuite(stage, folderOf(name));
}

function defineTest({ name, status, message, traffic }: SpecResult): void {
  const skip = SKIPS.find((candidate) => status === "skipped" && candidate.message.test(message));
  test.skipIf(skip !== undefined)(skip === undefined ? name : `${name} [skipped: ${skip.because}]`, () => {
    if (status !== "passed") throw new Error(`${status}: ${message}\n${traffic}`);
  });
}

describe("reading the suite's report", () => {
  const xml = (cases: string) => `<testsuites><testsuite name="x">${cases}</testsuite></testsuites>`;

  test("names, states, reasons and traffic, escapes undone; equal names are numbered", () => {
    const report = xml(`
      <testcase name="OCI Conformance Test/image/push/blob-post-put" classname="" status="passed"></testcase>
      <testcase name="OCI Conformance Test/image/push/blob-post-put" classname="" status="failure">
        <system-out>wanted &#34;a&#34;&#xA;got &lt;b&gt;</system-out><system-err>GET &amp;</system-err>
      </testcase>
      <testcase name="OCI Conformance Test/ping" status="error"></testcase>`);
    expect(parseReport(report)).toEqual([
      { name: "image/push/blob-post-put", status: "passed", message: "", traffic: "" },
      { name: "image/push/blob-post-put (2)", status: "failed", message: 'wanted "a"\ngot <b>', traffic: "GET &" },
      { name: "ping", status: "failed", message: "", traffic: "" },
    ]);
  });

  test("a report without results is none", () => expect(() => parseReport(xml(""))).toThrow(/no results/));

  test.each([
    ["image/pull/manifest-by-tag", "pull"],
    ["sha256 blobs/range requests/range 500-", "pull"],
    ["image/push/manifest-by-tag", "push"],
    ["sha256 blobs/mount missing/blob-mount", "push"],
    ["sha256 blobs/post cancel/blob-post-cancel", "push"],
    ["image/push/blob-post-put (2)", "push"],
    ["empty/tag list", "content discovery"],
    ["image/referrers", "content discovery"],
    ["image/delete/tag-delete", "content management"],
    ["sha256 blobs/stream/blob-delete (2)", "content management"],
  ])("%s belongs to %s", (spec, workflow) => expect(workflowOf(spec)).toBe(workflow));
});
