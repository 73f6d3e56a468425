import { runJob } from "./job.ts";
import type { Job, Measured } from "./worker.ts";

/** Runs one contender's work in a fresh process. */
export function measure(job: Job): Promise<Measured> {
  return runJob(new URL("./worker.ts", import.meta.url), job);
}
