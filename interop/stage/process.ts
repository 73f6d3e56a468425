import { spawn } from "node:child_process";

/** How a program is run. Nothing of the caller's environment is passed on, but for what `environment` names. */
export interface ProcessOptions {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Written to the program's standard input, which is closed afterwards. */
  readonly input?: string;
  /** After this time the program and its children are killed. */
  readonly limitMs: number;
  /** Gets all output as it comes, besides its being collected. */
  readonly log?: (text: string) => void;
}

export interface ProcessResult {
  /** Undefined when it was killed. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether the time limit ended it. */
  readonly timedOut: boolean;
}

/** What is kept of each output: enough for any message, and a bound for a program that prints without end. */
const MAX_OUTPUT = 4 * 1024 * 1024;

/**
 * Runs a program to its end, whatever its exit code.
 *
 * @throws when it cannot be started
 */
export async function runProcess(
  [program, ...args]: readonly [string, ...string[]],
  options: ProcessOptions,
): Promise<ProcessResult> {
  const child = spawn(program, args, {
    cwd: options.folder,
    env: { ...options.environment },
    stdio: ["pipe", "pipe", "pipe"],
    // A process group of its own, so that a kill reaches what it has started (mvn starts java, pip starts compilers).
    detached: true,
  });
  const out = collect(child.stdout, options.log);
  const err = collect(child.stderr, options.log);
  let timedOut = false;
  const killGroup = () => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  };
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup();
  }, options.limitMs);
  process.once("exit", killGroup);
  // A program that does not read its input closes it early; that is no error.
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    return { exitCode: exitCode ?? undefined, stdout: out(), stderr: err(), timedOut };
  } finally {
    clearTimeout(timer);
    process.off("exit", killGroup);
  }
}

/** The same, for a program that has to succeed. Its output is in the error's message, without `secrets`. */
export async function runSuccessfully(
  command: readonly [string, ...string[]],
  options: ProcessOptions,
  secrets: readonly string[] = [],
): Promise<ProcessResult> {
  const result = await runProcess(command, options);
  if (result.exitCode === 0) return result;
  const end = result.timedOut
    ? `did not end within ${options.limitMs / 1000} s`
    : `exit code ${result.exitCode ?? "(killed)"}`;
  throw new Error(
    redact(`${command.join(" ")}: ${end}\n${lastLines(result.stdout)}${lastLines(result.stderr)}`, secrets),
  );
}

/** The text with every secret masked: what a client prints may end in a log that others read. */
export function redact(text: string, secrets: readonly string[]): string {
  return secrets.reduce((masked, secret) => masked.replaceAll(secret, "***"), text);
}

function lastLines(text: string): string {
  return text.split("\n").slice(-40).join("\n");
}

function collect(stream: NodeJS.ReadableStream, log?: (text: string) => void): () => string {
  let text = "";
  stream.setEncoding("utf8");
  stream.on("data", (part: string) => {
    log?.(part);
    text = (text + part).slice(-MAX_OUTPUT);
  });
  return () => text;
}
