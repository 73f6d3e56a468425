// One measurement of one contender, in a process of its own, so that CPU time and peak memory are its own.
import { CONTENDERS, type ContenderName } from "./contenders/contenders.ts";
import type { ServerAccess } from "./running-server.ts";

export interface Job {
  readonly contender: ContenderName;
  readonly access: ServerAccess;
  readonly work:
    | { readonly kind: "upload"; readonly repository: string; readonly file: string }
    | { readonly kind: "download"; readonly repository: string; readonly digest: string }
    | {
        readonly kind: "read-tags";
        readonly repositories: readonly string[];
        readonly tag: string;
        readonly calls: number;
      };
}

export interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMemoryMiB: number;
  readonly digest?: string;
}

process.once("message", async (job: Job) => {
  const contender = CONTENDERS[job.contender](job.access);
  const { work } = job;
  const cpu = process.cpuUsage();
  const start = performance.now();
  let digest: string | undefined;
  if (work.kind === "upload") digest = await contender.upload(work.repository, work.file);
  else if (work.kind === "download") await contender.download(work.repository, work.digest);
  else {
    for (let call = 0; call < work.calls; call++) {
      await contender.readTag(work.repositories[call % work.repositories.length] as string, work.tag);
    }
  }
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const measured: Measured = {
    seconds,
    cpuSeconds: (user + system) / 1e6,
    // Kilobytes on Linux and macOS.
    peakMemoryMiB: process.resourceUsage().maxRSS / 1024,
    ...(digest === undefined ? {} : { digest }),
  };
  process.send?.(measured);
});
