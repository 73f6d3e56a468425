// One measurement of one library, in a process of its own, so that CPU time and peak memory are its own. It is compiled
// beforehand: to take the types out of a file while it is loaded costs memory that would count for whoever is measured.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Contender } from "./contender.ts";
import { CONTENDERS, type ContenderName } from "./contenders.ts";
import type { Measured, ServerAccess, Work } from "./work.ts";

export interface Job {
  readonly contender: ContenderName;
  readonly access: ServerAccess;
  readonly work: Work;
}

process.once("message", async (job: Job) => {
  const contender = CONTENDERS[job.contender](job.access);
  const cpu = process.cpuUsage();
  const start = performance.now();
  await perform(contender, job.work);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const measured: Measured = { seconds, cpuSeconds: (user + system) / 1e6, peakMemoryMiB: peakMemoryMiB() };
  process.send?.(measured);
});

async function perform(contender: Contender, work: Work): Promise<void> {
  if (work.kind === "read-tags") {
    for (let call = 0; call < work.calls; call++) {
      await contender.readTag(work.repositories[call % work.repositories.length] as string, work.tag);
    }
    return;
  }
  const { repository, source } = work;
  const [only, ...others] = source.blobs;
  if (only === undefined) return;
  if (work.kind === "upload") {
    const files = source.blobs.map(({ name }) => join(source.folder, name));
    if (others.length === 0) await contender.upload(repository, join(source.folder, only.name));
    else await contender.uploadMany(repository, files);
  } else {
    const wanted = source.blobs.map(({ name, digest }) => ({ digest, file: join(work.into, name) }));
    if (others.length === 0) await contender.download(repository, only.digest, join(work.into, only.name));
    else await contender.downloadMany(repository, wanted);
  }
}

/**
 * `ru_maxrss` begins with the peak of the process that started this one, which may be higher than this one will ever be;
 * Linux keeps the peak of this program alone elsewhere. @see proc(5), VmHWM
 */
function peakMemoryMiB(): number {
  if (process.platform !== "linux") return process.resourceUsage().maxRSS / 1024;
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024;
}
