import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Job, Measured } from "./worker.ts";

/** Runs one job in a fresh process. */
export function measure(job: Job): Promise<Measured> {
  const child = fork(fileURLToPath(new URL("./worker.ts", import.meta.url)), {
    env: { ...process.env, NODE_NO_WARNINGS: "1" },
  });
  return new Promise((resolve, reject) => {
    child.once("message", (measured) => resolve(measured as Measured));
    child.once("exit", (code) => reject(new Error(`${job.contender} ${job.work.kind} ended with ${code}`)));
    child.send(job);
  });
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}
