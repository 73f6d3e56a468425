import { readFile, writeFile } from "node:fs/promises";

/** What a process has used since it started. */
export interface ProcessUsage {
  readonly cpuSeconds: number;
  /** The most since the start, or since `resetPeakMemory`. */
  readonly peakMemoryMiB: number;
}

/** Linux on every architecture of today. */
const TICKS_PER_SECOND = 100;

/** Another process's CPU time is nothing that Node can ask for; Linux shows it as a file. */
export const missingUsage =
  process.platform === "linux" ? undefined : "CPU and memory of servers are read from Linux's /proc";

/** Reads what a process has used, all its threads together. @see proc(5), `stat` and `status` */
export async function readUsage(processId: number): Promise<ProcessUsage> {
  const stat = await readFile(`/proc/${processId}/stat`, "utf8");
  // The second field is a name in parentheses that may hold anything; the third is the first after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = await readFile(`/proc/${processId}/status`, "utf8");
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    peakMemoryMiB: Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1]) / 1024,
  };
}

/** Lets the peak start again from what is in use now. @see proc(5), `clear_refs` */
export async function resetPeakMemory(processId: number): Promise<void> {
  await writeFile(`/proc/${processId}/clear_refs`, "5");
}
