import { hostname } from "node:os";

/** The process that writes a part file. */
export interface PartOwner {
  readonly pid: number;
  readonly host: string;
  /** When the process began, in seconds since the machine did. In a container every process has the same pid. */
  readonly bornAt: number;
}

/** Two readings of one process's birth differ by the time between two clocks' readings. */
const SAME_BIRTH_SECONDS = 0.1;

/** Of another machine nothing can be known but when it has last written. */
const FOREIGN_SILENCE_MS = 15 * 60_000;

export function thisProcess(): PartOwner {
  return { pid: process.pid, host: hostname(), bornAt: Number(process.hrtime.bigint()) / 1e9 - process.uptime() };
}

/** True when the owner may still be writing; `silentForMs` is how long ago it last has. */
export function isAlive(owner: PartOwner, silentForMs: number): boolean {
  const own = thisProcess();
  if (owner.host !== own.host) return silentForMs < FOREIGN_SILENCE_MS;
  if (owner.pid === own.pid) return Math.abs(owner.bornAt - own.bornAt) < SAME_BIRTH_SECONDS;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    // Whatever else is wrong, there is such a process.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
