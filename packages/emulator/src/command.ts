import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Emulator, startEmulator } from "./emulator.ts";
import type { EmulatorOptions } from "./options.ts";

/** What the command is given by its process, or by a test. */
export interface CommandContext {
  readonly args: readonly string[];
  out(line: string): void;
  error(line: string): void;
  /** Resolves when the command shall end. */
  readonly stopped: Promise<void>;
}

const HELP = `acrkit-emulator: a local Azure Container Registry

Usage: acrkit-emulator [options]

  --port <number>        port to listen on (any free port)
  --host <address>       address to listen on (127.0.0.1)
  --data <folder>        where to keep everything (a temporary folder, removed at the end)
  --http                 plain HTTP instead of HTTPS with a certificate of its own
  --anonymous-pull       let anyone list and pull
  --user <name>          name of the admin user (acrkit)
  --password <password>  password of the admin user (generated, kept in the data folder)
  --login-server <name>  what the registry calls itself (the host and port it is addressed by)
  --help                 show this text

Stops on Ctrl-C. Everything is kept when --data is given.`;

/** Runs the command until it is stopped. The result is its exit code: 0, 1 for a failed start, 2 for wrong options. */
export async function runCommand(context: CommandContext): Promise<number> {
  let options: EmulatorOptions | "help";
  try {
    options = readOptions(context.args);
  } catch (error) {
    context.error(`${messageOf(error)}\nTry acrkit-emulator --help.`);
    return 2;
  }
  if (options === "help") {
    context.out(HELP);
    return 0;
  }
  try {
    const emulator = await startEmulator(options);
    // `await using` says the same, but Node 22 does not parse it.
    try {
      reportFailures(emulator, context);
      await report(emulator, context);
      await context.stopped;
      return 0;
    } finally {
      await emulator.close();
    }
  } catch (error) {
    context.error(`acrkit-emulator could not start: ${messageOf(error)}`);
    return 1;
  }
}

function readOptions(args: readonly string[]): EmulatorOptions | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: "string" },
      host: { type: "string" },
      data: { type: "string" },
      http: { type: "boolean" },
      "anonymous-pull": { type: "boolean" },
      user: { type: "string" },
      password: { type: "string" },
      "login-server": { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help) return "help";
  if (values.port !== undefined && !(/^\d+$/.test(values.port) && Number(values.port) <= 65_535)) {
    throw new TypeError(`--port ${values.port} is not a port: expected a number from 0 to 65535`);
  }
  if ((values.user !== undefined) !== (values.password !== undefined)) {
    throw new TypeError("--user and --password go together: give both, or neither");
  }
  return {
    ...(values.port === undefined ? {} : { port: Number(values.port) }),
    ...(values.host === undefined ? {} : { host: values.host }),
    ...(values.data === undefined ? {} : { dataFolder: values.data }),
    ...(values.http ? { tls: false } : {}),
    ...(values["anonymous-pull"] ? { anonymousPull: true } : {}),
    ...(values["login-server"] === undefined ? {} : { loginServer: values["login-server"] }),
    ...(values.user !== undefined && values.password !== undefined
      ? { adminUser: { username: values.user, password: values.password } }
      : {}),
  };
}

async function report(emulator: Emulator, { out }: CommandContext): Promise<void> {
  out(`endpoint     ${emulator.endpoint}`);
  if (emulator.certificate !== "") {
    const file = join(emulator.dataFolder, "certificate.pem");
    await writeFile(file, emulator.certificate);
    out(`certificate  ${file}`);
  }
  if (emulator.admin !== undefined) {
    out(`user         ${emulator.admin.username}`);
    out(`password     ${emulator.admin.password}`);
  }
  out(`data         ${emulator.dataFolder}`);
}

/** A client sees no more than 500 UNKNOWN; who runs the command sees why. */
function reportFailures(emulator: Emulator, { error }: CommandContext): void {
  emulator.intercept(async (request, next) => {
    const response = await next(request);
    if (response.failure !== undefined)
      error(`${request.method} ${request.path} failed: ${messageOf(response.failure)}`);
    return response;
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
