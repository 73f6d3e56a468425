import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { AbortError } from "@azure/abort-controller";
import { CredentialHelperError } from "../errors.ts";
import type { Environment, HelperAnswer, HelperRun } from "../port.ts";

/** A token has some KiB. */
const MAX_OUTPUT_BYTES = 1024 * 1024;

/** Something that a helper has started (an agent, say) may keep its output open; what it said itself is there by then. */
const LATE_OUTPUT_MS = 1_000;

/**
 * Runs a helper, without a shell, in a group of its own so that its children end with it.
 *
 * @see DockerRuntime.runHelper
 */
export async function runHelper(run: HelperRun): Promise<HelperAnswer> {
  const path = await findProgram(run.program, run.environment);
  if (path === undefined) {
    throw failure(
      run,
      { code: "CREDENTIAL_HELPER_MISSING" },
      `${run.program} is not in any folder of PATH: ${run.missing}`,
    );
  }
  if (run.abortSignal?.aborted === true) throw new AbortError("The operation was aborted.");
  const child = start(path, run, {
    env: { ...run.environment },
    // Its standard error is for people, may hold anything, and would block it when nobody reads.
    stdio: ["pipe", "pipe", "ignore"],
    detached: process.platform !== "win32",
    windowsHide: true,
  });
  return new Promise<HelperAnswer>((resolve, reject) => watch(child, run, resolve, reject));
}

/** Some of the system's refusals are thrown at once, others are told by an event. */
function start(path: string, run: HelperRun, options: SpawnOptions): ChildProcess {
  try {
    return spawn(path, [run.verb], options);
  } catch (error) {
    throw notRun(run, error);
  }
}

function watch(
  child: ChildProcess,
  run: HelperRun,
  resolve: (answer: HelperAnswer) => void,
  reject: (error: Error) => void,
): void {
  const parts: Buffer[] = [];
  let length = 0;
  let late: NodeJS.Timeout | undefined;
  const settle = (end: () => void) => {
    clearTimeout(timer);
    clearTimeout(late);
    run.abortSignal?.removeEventListener("abort", onAbort);
    leave(child);
    // Whoever still holds the other end of them must not keep this process alive.
    child.stdin?.destroy();
    child.stdout?.destroy();
    end();
  };
  const stop = (error: Error) => {
    killGroup(child);
    settle(() => reject(error));
  };
  const onAbort = () => stop(new AbortError("The operation was aborted."));
  const timer = setTimeout(() => {
    const problem = `${run.program} ${run.verb} gave no answer within ${run.timeoutInMs / 1000} s, and was ended. It may wait for a password or a keychain: run it yourself, or raise helperTimeoutInMs.`;
    stop(failure(run, { code: "CREDENTIAL_HELPER_TIMEOUT" }, problem));
  }, run.timeoutInMs);
  run.abortSignal?.addEventListener("abort", onAbort, { once: true });
  enter(child);

  child.once("error", (error) => settle(() => reject(notRun(run, error))));
  child.stdout?.on("data", (part: Buffer) => {
    length += part.byteLength;
    if (length > MAX_OUTPUT_BYTES) {
      const problem = `${run.program} ${run.verb} said more than ${MAX_OUTPUT_BYTES / 1024 / 1024} MiB, and was ended: that is no credential.`;
      stop(failure(run, { code: "CREDENTIAL_HELPER_FAILED" }, problem));
    } else parts.push(part);
  });
  child.stdout?.on("error", () => {});
  const answer = (exitCode: number | null) =>
    settle(() => resolve({ exitCode: exitCode ?? undefined, output: Buffer.concat(parts) }));
  child.once("exit", (exitCode) => {
    // It was in time, whatever is still to be read.
    clearTimeout(timer);
    late = setTimeout(() => answer(exitCode), LATE_OUTPUT_MS);
  });
  child.once("close", answer);
  // One that does not read its input closes it early; that is no failure.
  child.stdin?.on("error", () => {});
  child.stdin?.end(run.input);
}

/** The helpers that are under way: they end with this process. One listener for all, or Node warns of the eleventh. */
const running = new Set<ChildProcess>();
const killRunning = () => running.forEach(killGroup);

/** A terminal's Ctrl-C does not reach a group of its own, and a process that ends by a signal tells nobody of its exit. */
const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

function onSignal(signal: NodeJS.Signals): void {
  killRunning();
  // Whoever else listens decides what comes of it. With nobody else, it does what it would have done.
  if (process.listenerCount(signal) > 1) return;
  process.off(signal, onSignal);
  process.kill(process.pid, signal);
}

function enter(child: ChildProcess): void {
  if (running.size === 0) {
    process.on("exit", killRunning);
    for (const signal of SIGNALS) process.on(signal, onSignal);
  }
  running.add(child);
}

function leave(child: ChildProcess): void {
  if (!running.delete(child) || running.size > 0) return;
  process.off("exit", killRunning);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === "win32") child.kill("SIGKILL");
    else process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** In the absolute folders of `PATH` only: a folder that is relative is whatever folder somebody works in. */
async function findProgram(program: string, environment: Environment): Promise<string | undefined> {
  const isWindows = process.platform === "win32";
  const path = isWindows ? Object.entries(environment).find(([name]) => /^path$/i.test(name))?.[1] : environment.PATH;
  for (const folder of (path ?? "").split(delimiter).filter(isAbsolute)) {
    const candidate = join(folder, isWindows ? `${program}.exe` : program);
    const isProgram = await access(candidate, constants.X_OK)
      .then(() => stat(candidate))
      .then(
        (found) => found.isFile(),
        () => false,
      );
    if (isProgram) return candidate;
  }
  return undefined;
}

/** By the system's code alone: Node's own message may quote the environment. */
function notRun(run: HelperRun, error: unknown): CredentialHelperError {
  const problem = `${run.program} cannot be run (${(error as NodeJS.ErrnoException).code}): check that it is a program for this machine.`;
  return failure(run, { code: "CREDENTIAL_HELPER_FAILED" }, problem);
}

function failure(
  run: HelperRun,
  { code }: Pick<CredentialHelperError, "code">,
  problem: string,
): CredentialHelperError {
  return new CredentialHelperError(problem, { code, helper: run.program.replace(/^docker-credential-/, "") });
}
