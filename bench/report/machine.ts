import { availableParallelism, cpus, release, totalmem } from "node:os";

/** What the figures depend on, and nothing by which the machine could be told from others of its kind. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    // Without the vendor's own suffix.
    system: `${process.platform} ${/^\d+(?:\.\d+)*/.exec(release())?.[0] ?? ""} ${process.arch}`,
    node: process.version,
  };
}
