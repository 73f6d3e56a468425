import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FaultyRegistry, startFaultyRegistry } from "../resilience/faulty-registry.ts";
import { runDownload } from "./download-run.ts";
import { Findings } from "./outcome.ts";
import { REGISTRIES, type RegistryName, type Scenario, scenarioOf } from "./scenario.ts";
import { runUpload } from "./upload-run.ts";

/*
 * Random contents, sizes, registries, faults and aborts. Either the exact bytes are there, or a typed error and no trace.
 *
 *   ACRKIT_SEED=17           runs one scenario again
 *   ACRKIT_SCENARIOS=50000   runs as many
 */
const { ACRKIT_SEED, ACRKIT_SCENARIOS = "2000" } = process.env;
const SEEDS =
  ACRKIT_SEED === undefined
    ? Array.from({ length: Number(ACRKIT_SCENARIOS) }, (_, index) => index + 1)
    : [Number(ACRKIT_SEED)];

const BATCH = 250;
const AT_A_TIME = 12;

/** Nothing here takes a second: what takes so long hangs. */
const HANGS_AFTER_MS = 60_000;

/** Of different kinds; more would not be read. */
const MAX_SHOWN = 8;

const batches = Array.from({ length: Math.ceil(SEEDS.length / BATCH) }, (_, index) =>
  SEEDS.slice(index * BATCH, (index + 1) * BATCH),
);

describe("a transfer brings the exact bytes, or fails without a trace", () => {
  const unheard: unknown[] = [];
  const note = (failure: unknown) => void unheard.push((failure as Error).stack ?? failure);
  let resources: Record<string, number>;
  beforeAll(() => {
    resources = activeResources();
    process.on("unhandledRejection", note);
    process.on("uncaughtException", note);
  });
  afterAll(() => {
    process.off("unhandledRejection", note);
    process.off("uncaughtException", note);
  });

  const outcomes: Record<"done" | "left" | "failed", number> = { done: 0, left: 0, failed: 0 };

  it.each(batches.map((seeds) => [seeds[0], seeds.at(-1), seeds] as const))(
    "scenarios %i to %i",
    async (_first, _last, seeds) => {
      const failures: string[] = [];
      const registries = await startRegistries();
      try {
        const waiting = [...seeds];
        const work = async () => {
          for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
            const { outcome, failure } = await runScenario(scenarioOf(seed), registries);
            outcomes[outcome]++;
            if (failure !== undefined) failures.push(failure);
          }
        };
        await Promise.all(Array.from({ length: AT_A_TIME }, work));
      } finally {
        await Promise.all(Object.values(registries).map((registry) => registry.close()));
      }
      if (failures.length > 0) throw new Error(shown(failures));
      expect(unheard.splice(0)).toEqual([]);
    },
    600_000,
  );

  it.skipIf(SEEDS.length < 1_000)("most of them get through, and some fail: the faults do hit", () => {
    console.log(`transfers: ${JSON.stringify(outcomes)}`);
    expect(outcomes.done).toBeGreaterThan(SEEDS.length / 2);
    expect(outcomes.failed).toBeGreaterThan(SEEDS.length / 20);
  });

  it("no socket and no timer is left", async () => {
    // Connections end when the other side has noticed.
    for (let tries = 0; tries < 200 && moreThan(resources).length > 0; tries++) await sleep(50);
    expect(moreThan(resources)).toEqual([]);
  });
});

async function runScenario(
  scenario: Scenario,
  registries: Readonly<Record<RegistryName, FaultyRegistry>>,
): Promise<{ readonly outcome: "done" | "left" | "failed"; readonly failure: string | undefined }> {
  const { seed, registry: name } = scenario;
  const registry = registries[name];
  const folder = await mkdtemp(join(tmpdir(), "acrkit-transfer-"));
  const patient = registry.patient(`transfer-${seed}`, seed, { idleTimeoutInMs: 10_000 });
  const findings = new Findings();
  let outcome = "hung";
  let timer: NodeJS.Timeout | undefined;
  try {
    const hanging = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no end after ${HANGS_AFTER_MS} ms`)), HANGS_AFTER_MS);
    });
    const running =
      scenario.direction === "upload"
        ? runUpload(scenario, registry, patient, folder, findings)
        : runDownload(scenario, registry, patient, folder, findings);
    outcome = await Promise.race([running, hanging]);
  } catch (error) {
    findings.list.push((error as Error).stack ?? String(error));
  } finally {
    clearTimeout(timer);
    await rm(folder, { recursive: true, force: true });
  }
  const kind = /^done\b/.test(outcome) ? "done" : /^left\b/.test(outcome) ? "left" : "failed";
  return {
    outcome: kind,
    failure: findings.list.length === 0 ? undefined : story(scenario, outcome, findings, patient),
  };
}

function story(
  scenario: Scenario,
  outcome: string,
  findings: Findings,
  { acts }: { readonly acts: readonly { readonly method: string; readonly path: string; readonly status: number }[] },
): string {
  const { faults, ...rest } = scenario;
  return [
    ...findings.list.map((finding) => `✗ ${finding}`),
    `  ended: ${outcome}`,
    `  again: ACRKIT_SEED=${scenario.seed} npx vitest run contracts/transfers/transfers.test.ts`,
    `  ${JSON.stringify(rest)}`,
    ...faults.rules.map((rule) => `  rule ${JSON.stringify(rule)}`),
    `  the registry did: ${acts.map(({ method, status }) => `${method} ${status}`).join(", ")}`,
  ].join("\n");
}

/** One of each kind, and the seeds of all. */
function shown(failures: readonly string[]): string {
  const kinds = new Map(
    failures.map((failure) => [failure.split("\n")[0]?.replaceAll(/[0-9a-f]*\d[0-9a-f]*/g, "#"), failure]),
  );
  const seeds = failures.map((failure) => /ACRKIT_SEED=(\d+)/.exec(failure)?.[1]).join(" ");
  return `${failures.length} scenarios went wrong: ${seeds}\n\n${[...kinds.values()].slice(0, MAX_SHOWN).join("\n\n")}`;
}

async function startRegistries(): Promise<Record<RegistryName, FaultyRegistry>> {
  const started = Object.entries(REGISTRIES).map(async ([name, options]) => {
    const registry = await startFaultyRegistry(options);
    if (name === "rangeless") withoutRanges(registry);
    return [name, registry] as const;
  });
  return Object.fromEntries(await Promise.all(started)) as Record<RegistryName, FaultyRegistry>;
}

function withoutRanges({ emulator }: FaultyRegistry): void {
  emulator.intercept((request, next) =>
    next(request.origin === "storage" ? { ...request, headers: { ...request.headers, range: undefined } } : request),
  );
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function activeResources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** What there is more of than before, of what a transfer could have left: sockets, files, timers. */
function moreThan(before: Record<string, number>): string[] {
  return Object.entries(activeResources())
    .filter(([name, count]) => /TCP|TLS|Socket|FS|File|Timeout/.test(name) && count > (before[name] ?? 0))
    .map(([name, count]) => `${count - (before[name] ?? 0)} more of ${name}`);
}
