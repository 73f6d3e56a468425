import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Distance } from "./line.ts";

/** A proxy in a process of its own: for each target, on this machine, the port from which it is far away. */
export interface RunningProxy {
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

export async function startProxy(distance: Distance, targets: readonly number[]): Promise<RunningProxy> {
  const child = fork(join(import.meta.dirname, "main.ts"), [JSON.stringify(distance), ...targets.map(String)], {
    env: { ...process.env, NODE_NO_WARNINGS: "1" },
  });
  const [ports] = (await once(child, "message")) as [readonly number[]];
  return {
    ports,
    async stop() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
