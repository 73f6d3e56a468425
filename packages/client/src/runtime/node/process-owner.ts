import { readFileSync } from "node:fs";
import { hostname, uptime } from "node:os";

/** The process that has a part file, a journal entry or a lock. */
export interface ProcessOwner {
  readonly pid: number;
  readonly host: string;
  /** When the process began, in seconds since the machine did. In a container every process has the same pid. */
  readonly bornAt: number;
}

/** Two readings of one process's birth differ by the time between two clocks' readings. */
const SAME_BIRTH_SECONDS = 0.1;

/** Of another machine nothing can be known but when it has last written. */
const FOREIGN_SILENCE_MS = 15 * 60_000;

/** What Linux counts the start of a process in. */
const TICKS_PER_SECOND = 100;

/** A process is there some time before Node runs in it, and clocks are read one after the other. */
const LATER_BIRTH_SECONDS = 2;

export function thisProcess(): ProcessOwner {
  return { pid: process.pid, host: hostname(), bornAt: secondsOfMachine() - process.uptime() };
}

/** True when the owner may still be writing; `silentForMs` is how long ago it last has. */
export function isAlive(owner: ProcessOwner, silentForMs: number): boolean {
  const own = thisProcess();
  if (owner.host !== own.host) return silentForMs < FOREIGN_SILENCE_MS;
  if (owner.pid === own.pid) return Math.abs(owner.bornAt - own.bornAt) < SAME_BIRTH_SECONDS;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // Whatever else is wrong, there is such a process.
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  return !isAnotherProcess(owner);
}

/** True when it is certain that the number has gone to another process since. */
function isAnotherProcess({ pid, bornAt }: ProcessOwner): boolean {
  const now = secondsOfMachine();
  // The machine has been started again.
  if (bornAt > now + LATER_BIRTH_SECONDS) return true;
  const startedAt = startOf(pid);
  if (startedAt === undefined) return false;
  // That clock goes on while the machine sleeps, and `bornAt` is of one that does not.
  const asleep = Math.max(0, uptime() - now);
  return startedAt > bornAt + asleep + LATER_BIRTH_SECONDS;
}

/** In seconds since the machine began to run, without those in which it slept. */
function secondsOfMachine(): number {
  return Number(process.hrtime.bigint()) / 1e9;
}

/** Undefined where it cannot be known: on other systems than Linux, or for a process that is hidden. */
function startOf(pid: number): number | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the program's name, in brackets, and may hold anything; the 22nd is the start.
    const ticks = Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[19]);
    return Number.isFinite(ticks) ? ticks / TICKS_PER_SECOND : undefined;
  } catch {
    return undefined;
  }
}
