import { type ChildProcess, spawn } from "node:child_process";
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
  const child = spawn(path, [run.verb], {
    env: { ...run.environment },
    // Its standard error is for people, may hold anything, and would block it when nobody reads.
    stdio: ["pipe", "pipe", "ignore"],
    detached: process.platform !== "win32",
    windowsHide: true,
  });
  return new Promise<HelperAnswer>((resolve, reject) => watch(child, run, resolve, reject));
}

function watch(
  child: ChildProcess,
  run: HelperRun,
  resolve: (answer: HelperAnswer) => void,
  reject: (error: Error) => void,
): void {
  const parts: Buffer[] = [];
  let length = 0;
  const kill = () => killGroup(child);
  let late: NodeJS.Timeout | undefined;
  const settle = (end: () => void) => {
    clearTimeout(timer);
    clearTimeout(late);
    run.abortSignal?.removeEventListener("abort", onAbort);
    process.off("exit", kill);
    // Whoever still holds the other end of them must not keep this process alive.
    child.stdin?.destroy();
    child.stdout?.destroy();
    end();
  };
  const stop = (error: Error) => {
    kill();
    settle(() => reject(error));
  };
  const onAbort = () => stop(new AbortError("The operation was aborted."));
  const timer = setTimeout(() => {
    const problem = `${run.program} ${run.verb} gave no answer within ${run.timeoutInMs / 1000} s, and was ended. It may wait for a password or a keychain: run it yourself, or raise helperTimeoutInMs.`;
    stop(failure(run, { code: "CREDENTIAL_HELPER_TIMEOUT" }, problem));
  }, run.timeoutInMs);
  run.abortSignal?.addEventListener("abort", onAbort, { once: true });
  process.once("exit", kill);

  child.once("error", (error) => {
    const problem = `${run.program} cannot be run (${(error as NodeJS.ErrnoException).code}): check that it is a program for this machine.`;
    settle(() => reject(failure(run, { code: "CREDENTIAL_HELPER_FAILED" }, problem)));
  });
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
    late = setTimeout(() => answer(exitCode), LATE_OUTPUT_MS);
  });
  child.once("close", answer);
  // One that does not read its input closes it early; that is no failure.
  child.stdin?.on("error", () => {});
  child.stdin?.end(run.input);
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
    const isProgram = await access(candidate, constants.X_OK).then(
      async () => (await stat(candidate)).isFile(),
      () => false,
    );
    if (isProgram) return candidate;
  }
  return undefined;
}

function failure(
  run: HelperRun,
  { code }: Pick<CredentialHelperError, "code">,
  problem: string,
): CredentialHelperError {
  return new CredentialHelperError(problem, { code, helper: run.program.replace(/^docker-credential-/, "") });
}
