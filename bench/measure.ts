import type { Measured } from "./contenders/work.ts";
import type { Job } from "./contenders/worker.ts";
import { runJob } from "./job.ts";

/** Runs one library's work in a fresh process. */
export function measure(job: Job): Promise<Measured> {
  return runJob(new URL("./contenders/dist/worker.js", import.meta.url), job);
}
