// One measurement of one server: the client's side, in a process of its own.
import type { Target } from "./client.ts";
import { prepare, type Work } from "./work.ts";

export interface LoadJob {
  readonly target: Target;
  readonly work: Work;
}

export interface LoadDone {
  /** Blobs moved, or requests answered. */
  readonly done: number;
  readonly seconds: number;
  /** What the client itself took: when this comes near to `seconds`, it is the client that is measured. */
  readonly clientCpuSeconds: number;
}

process.once("message", async ({ target, work }: LoadJob) => {
  const run = prepare(target, work);
  const cpu = process.cpuUsage();
  const start = performance.now();
  const done = await run();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const result: LoadDone = { done, seconds, clientCpuSeconds: (user + system) / 1e6 };
  process.send?.(result);
});
