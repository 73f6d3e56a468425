import type { Absent, Sdk, Tool } from "../clients/client.ts";
import { isAbsent } from "../clients/client.ts";
import { WORKFLOWS } from "../conformance/report.ts";
import type { InstalledClients } from "../install/cache.ts";
import type { TestResult } from "./report.ts";

/** What the matrix is made from. */
export interface Run {
  readonly tools: readonly Tool[];
  readonly sdks: readonly Sdk[];
  readonly conformance: string;
  readonly specVersion: string;
  readonly installed: InstalledClients;
  readonly results: readonly TestResult[];
}

/** The compatibility document. The same results give the same text: it has no times, places or order of events in it. */
export function formatMatrix(run: Run): string {
  const tools = run.tools.map(({ name, verbs }) => ({ name, scenarios: verbs }));
  const sdks = run.sdks.map(({ name, jobs }) => ({ name, scenarios: jobs }));
  return [
    "# What works with the emulator",
    "",
    "Other people's clients, unchanged, over TLS, against [the emulator](../packages/emulator). Each cell is a test that also",
    "looks into the registry; they are in [interop](../interop). `npm run interop` runs them and writes this page.",
    "",
    "## Tools",
    "",
    "Signed in as the admin user.",
    "",
    ...formatTable(tools, run),
    "## Azure SDKs",
    "",
    "They run their own documented samples, changed only in endpoint and credential; Java's samples are fragments, so a",
    "program of ours does the same. The credential hands out a token of the emulator's stand-in for Entra ID.",
    "",
    ...formatTable(sdks, run),
    ...formatConformance(run),
    "## To reproduce",
    "",
    "```sh",
    "npm ci",
    "npm run interop                    # everything; the first time it installs the clients",
    "npm run interop -- --only crane    # one of them",
    "```",
    "",
  ].join("\n");
}

interface Row {
  readonly name: string;
  readonly scenarios: Readonly<Record<string, object>>;
}

/** Clients are columns: there are fewer of them, and their names are short. */
function formatTable(clients: readonly Row[], run: Run): readonly string[] {
  const names = Object.keys(clients[0]?.scenarios ?? {});
  const notes: string[] = [];
  const cell = (client: Row, name: string) => {
    const scenario = client.scenarios[name];
    if (scenario === undefined || isAbsent(scenario)) return noted(notes, client.name, scenario);
    if (problemOf(client.name, run) !== undefined) return "not run";
    const found = run.results.find(({ path }) => path.length === 2 && path[0] === client.name && path[1] === name);
    return found === undefined || found.status === "skipped"
      ? "not run"
      : found.status === "passed"
        ? "passed"
        : "**failed**";
  };
  const rows = names.map((name) => `| ${name} | ${clients.map((client) => cell(client, name)).join(" | ")} |`);
  const heads = clients.map(({ name }) => `${name} ${versionOf(name, run)}`.trim());
  const problems = clients.flatMap(({ name }) => {
    const problem = problemOf(name, run);
    return problem === undefined ? [] : [`- ${name} did not run: ${problem}`];
  });
  const list = [...problems, ...notes.map((note, index) => `${index + 1}. ${note}`)];
  return [
    `| | ${heads.join(" | ")} |`,
    `|---|${clients.map(() => "---|").join("")}`,
    ...rows,
    "",
    ...(list.length === 0 ? [] : [...list, ""]),
  ];
}

/** "–" with the number of its reason, which is given once below the table. */
function noted(notes: string[], client: string, absent: Absent | undefined): string {
  const note = `${client}: ${absent?.absent ?? "no such scenario"}`;
  if (!notes.includes(note)) notes.push(note);
  return `– (${notes.indexOf(note) + 1})`;
}

function formatConformance(run: Run): readonly string[] {
  const { conformance: name, installed, results } = run;
  const specs = results.filter(({ path }) => path[0] === name && path.length === 3);
  const head = [
    "## OCI conformance",
    "",
    `The Open Container Initiative's [suite](https://github.com/opencontainers/distribution-spec/tree/main/conformance), ${versionOf(name, run)},`,
    `for version ${run.specVersion} of the distribution-spec.`,
    "",
  ];
  const problem = problemOf(name, run);
  if (problem !== undefined || specs.length === 0) {
    return [...head, `It did not run: ${problem ?? (name in installed ? "no results" : "not installed")}.`, ""];
  }
  const kinds = ["passed", "skipped", "failed"] as const;
  const count = (workflow: string, kind: string) =>
    specs.filter(({ path, status }) => path[1] === workflow && status === kind).length;
  return [
    ...head,
    `| workflow | ${kinds.join(" | ")} |`,
    "|---|---:|---:|---:|",
    ...WORKFLOWS.map((flow) => `| ${flow} | ${kinds.map((kind) => count(flow, kind)).join(" | ")} |`),
    "",
    ...skips(specs),
    ...failures(specs),
  ];
}

function skips(specs: readonly TestResult[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { path } of specs.filter(({ status }) => status === "skipped")) {
    const [, reason = "no reason given"] = / \[skipped: (.*)\]$/.exec(path.at(-1) ?? "") ?? [];
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  if (counts.size === 0) return [];
  const lines = [...counts].map(([reason, count]) => `- ${count} × ${reason}`);
  return ["Skipped by the suite, since a registry may leave it out, and ACR does:", "", ...lines.sort(), ""];
}

function failures(specs: readonly TestResult[]): readonly string[] {
  const failed = specs.filter(({ status }) => status === "failed").map(({ path }) => `- ${path[1]}: ${path[2]}`);
  return failed.length === 0 ? [] : ["Failed:", "", ...failed.sort(), ""];
}

function versionOf(name: string, { installed }: Run): string {
  const client = installed[name];
  return client !== undefined && "version" in client ? client.version : "";
}

function problemOf(name: string, { installed }: Run): string | undefined {
  const client = installed[name];
  if (client === undefined) return "not installed";
  return "problem" in client ? client.problem : undefined;
}
