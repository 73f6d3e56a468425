import { runJob } from "../job.ts";
import type { Work } from "../load/work.ts";
import type { LoadDone, LoadJob } from "../load/worker.ts";
import { type ProcessUsage, readUsage, resetPeakMemory } from "./process-usage.ts";
import type { RunningRegistry } from "./running-registry.ts";

/** How the client fared, and what the server used meanwhile. */
export interface RegistryMeasured extends LoadDone, ProcessUsage {}

/** Gives a server work, and looks at what it uses. */
export async function measureRegistry(registry: RunningRegistry, work: Work): Promise<RegistryMeasured> {
  await resetPeakMemory(registry.processId);
  const before = await readUsage(registry.processId);
  const job: LoadJob = { target: registry.target, work };
  const done = await runJob<LoadJob, LoadDone>(new URL("../load/worker.ts", import.meta.url), job);
  const after = await readUsage(registry.processId);
  return { ...done, ...after, cpuSeconds: after.cpuSeconds - before.cpuSeconds };
}
