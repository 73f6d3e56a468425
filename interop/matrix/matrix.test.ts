import { describe, expect, test } from "vitest";
import { TOOLS } from "../clients/index.ts";
import { formatMatrix, type Run } from "./matrix.ts";
import { skipReasons } from "./report.ts";

const [crane, oras] = TOOLS.filter(({ name }) => name === "crane" || name === "oras");
if (crane === undefined || oras === undefined) throw new Error("the clients have other names now");

const run: Run = {
  tools: [crane, oras],
  sdks: [],
  conformance: "suite",
  specVersion: "1.1",
  installed: {
    crane: { version: "v1", key: "" },
    oras: { problem: "no proxy" },
    suite: { version: "v3", key: "" },
  },
  results: [
    { path: ["crane", "push"], status: "passed" },
    { path: ["crane", "pull"], status: "failed" },
    { path: ["crane", "copy"], status: "skipped" },
    { path: ["suite", "pull", "image/pull/blob-get"], status: "passed" },
    { path: ["suite", "push", "image/push/blob-post-put"], status: "failed" },
    { path: ["suite", "content discovery", "image/referrers"], status: "passed" },
    { path: ["suite", "content management", "image/delete/tag-delete [skipped: no such thing]"], status: "skipped" },
  ],
};

describe("the matrix", () => {
  const lines = formatMatrix(run).split("\n");

  test("a cell is what its test says; what the client lacks is never passed, and has its reason", () => {
    expect(lines).toContain("| | crane v1 | oras |");
    expect(lines).toContain("| push | passed | not run |");
    expect(lines).toContain("| pull | **failed** | not run |");
    expect(lines).toContain("| copy | not run | not run |");
    expect(lines).toContain("| attach | – (3) | not run |");
    expect(lines).toContain("3. crane: no such command");
  });

  test("a client that could not be installed has its reason", () => {
    expect(lines).toContain("- oras did not run: no proxy");
  });

  test("specs are counted by workflow; skipped ones have their reasons, failed ones their names", () => {
    expect(lines).toContain("| pull | 1 | 0 | 0 |");
    expect(lines).toContain("| push | 0 | 0 | 1 |");
    expect(lines).toContain("| content discovery | 1 | 0 | 0 |");
    expect(lines).toContain("| content management | 0 | 1 | 0 |");
    expect(lines).toContain("- 1 × no such thing");
    expect(lines).toContain("- push: image/push/blob-post-put");
  });
});

test("reasons of skipped tests are counted, each once", () => {
  const skipped = (title: string) => ({ path: ["suite", title], status: "skipped" as const });
  const results = [
    skipped("a [skipped: why]"),
    skipped("b [skipped: why]"),
    skipped("c"),
    { path: ["d [skipped: no]"], status: "passed" as const },
  ];
  expect([...skipReasons(results)]).toEqual([["why", 2]]);
});
