import { type Emulator, startEmulator } from "./emulator.ts";
import { explainFailedStart } from "./terminal/failures.ts";
import { introduce, introduceAsJson } from "./terminal/introduction.ts";
import { type Arguments, optionHelp, readArguments } from "./terminal/options.ts";
import { requestLine } from "./terminal/request-lines.ts";
import { readSettings, type Settings } from "./terminal/settings.ts";
import { readVersion } from "./terminal/version.ts";

/** What the command is given by its process, or by a test. */
export interface CommandContext {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  out(line: string): void;
  error(line: string): void;
  /** Whether lines may be coloured. */
  readonly isColored: boolean;
  /** Resolves when the command shall end. */
  readonly stopped: Promise<void>;
}

const HELP = `acrkit-emulator: a local Azure Container Registry

Usage: acrkit-emulator [options]

${optionHelp()}

Ctrl-C stops it: requests under way have five seconds to end, a second Ctrl-C ends it at once. Everything is kept when
--data is given. GET /healthz answers 200 while it can read and write its data.

Exit codes: 0 stopped, 1 could not start, 2 wrong options, 130 ended at once.`;

/** Container platforms kill after ten seconds (`docker stop`), which is what has to be prevented. */
const GRACE_MS = 5_000;

/** Runs the command until it is stopped. The result is its exit code: 0, 1 for a failed start, 2 for wrong options. */
export async function runCommand(context: CommandContext): Promise<number> {
  let args: Arguments;
  let settings: Settings;
  try {
    args = readArguments(context.args);
    if (args.help) {
      context.out(HELP);
      return 0;
    }
    if (args.version) {
      context.out(await readVersion());
      return 0;
    }
    settings = await readSettings(args, context.env);
  } catch (error) {
    context.error(`${(error as Error).message}\nTry acrkit-emulator --help.`);
    return 2;
  }
  let emulator: Emulator;
  try {
    emulator = await startSeeded(settings);
  } catch (error) {
    // What startEmulator refuses of its options is the caller's to mend, like any other option.
    const isWrongOption = error instanceof TypeError;
    const why = explainFailedStart(error, settings.emulator.dataFolder);
    context.error(isWrongOption ? `${why}\nTry acrkit-emulator --help.` : `acrkit-emulator could not start: ${why}`);
    return isWrongOption ? 2 : 1;
  }
  // `await using` says the same, but Node 22 does not parse it.
  try {
    showRequests(emulator, settings, context);
    warn(settings, context);
    if (settings.log === "json") context.out(introduceAsJson(emulator, settings));
    else for (const line of introduce(emulator, settings)) context.out(line);
    await context.stopped;
    return 0;
  } finally {
    await emulator.close({ graceMs: GRACE_MS });
  }
}

async function startSeeded({ emulator: options, seeds, faults }: Settings): Promise<Emulator> {
  const emulator = await startEmulator(options);
  try {
    if (faults !== undefined) loadFaults(emulator, faults);
    for (const { layout, repository } of seeds) {
      await emulator.importLayout(layout, { repository }).catch((error: Error) => {
        throw new Error(`--seed ${layout}: ${error.message}`, { cause: error });
      });
    }
    return emulator;
  } catch (error) {
    await emulator.close();
    throw error;
  }
}

function loadFaults(emulator: Emulator, script: string): void {
  try {
    emulator.faults.load(script);
  } catch (error) {
    throw new TypeError(`--faults: ${(error as Error).message}`);
  }
}

function showRequests(emulator: Emulator, { log }: Settings, { out, error, isColored }: CommandContext): void {
  emulator.requests.watch((entry) => {
    const line = requestLine(entry, log, isColored);
    if (line !== undefined) out(line);
    const { failure, method, path } = entry;
    // A client sees no more than 500 UNKNOWN; who runs the command sees why.
    if (failure !== undefined) {
      error(`${method} ${path} failed: ${failure instanceof Error ? failure.message : String(failure)}`);
    }
  });
}

const LOOPBACK = /^(?:127\.[\d.]+|::1|localhost)$/;

function warn(
  { emulator: { host = "127.0.0.1", tls = true, anonymousPull = false } }: Settings,
  context: CommandContext,
) {
  if (LOOPBACK.test(host)) return;
  const who = ["0.0.0.0", "::"].includes(host) ? "ANYONE WHO CAN REACH THIS MACHINE" : `ANYONE WHO CAN REACH ${host}`;
  context.error(
    [
      `WARNING: ${who} can talk to this emulator. It is made for development: its passwords are`,
      "printed here, its keys are plain files, and nobody has tried to break into it.",
      ...(tls ? [] : ["Without TLS, passwords and tokens can be read by everyone on the way."]),
      ...(anonymousPull ? ["Everything in it can be pulled without a password."] : []),
    ].join("\n"),
  );
}
