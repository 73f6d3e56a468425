import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { isRepositoryName } from "@acrkit/oci";
import type { EmulatorOptions } from "../options.ts";
import type { Arguments, OptionName } from "./options.ts";

/** How requests are shown. */
export type LogFormat = "text" | "json" | "none";

/** A command line that makes sense. */
export interface Settings {
  readonly emulator: EmulatorOptions;
  readonly log: LogFormat;
  readonly seeds: readonly Seed[];
  /** The text of a script of faults. */
  readonly faults: string | undefined;
}

/** Images to begin with. */
export interface Seed {
  readonly layout: string;
  readonly repository: string;
}

/** The variable for a password that is to stand neither in a command line nor in a file. */
const PASSWORD_VARIABLE = "ACRKIT_EMULATOR_PASSWORD";

/** @throws {TypeError} a value that cannot be, or options that contradict each other */
export async function readSettings(
  args: Arguments,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Settings> {
  const adminUser = await adminUserOf(args, env);
  const registries = Object.fromEntries((args.registry ?? []).map((name) => [name, {}]));
  const emulator: EmulatorOptions = {
    port: portOf(args, "port"),
    storagePort: portOf(args, "storage-port"),
    entraPort: portOf(args, "entra-port"),
    ...defined({
      host: args.host,
      hostnames: args.hostname,
      dataFolder: args.data,
      loginServer: args["login-server"],
      tls: args.http ? false : undefined,
      anonymousPull: args["anonymous-pull"],
      roleAssignmentMode: args.abac ? "rbac-abac" : undefined,
      softDelete: softDeleteOf(args),
      quarantine: args.quarantine,
      quotaBytes: sizeOf(args, "quota"),
      resumableUploads: args["resumable-uploads"],
      maxPatchBytes: sizeOf(args, "max-patch"),
      minChunkBytes: sizeOf(args, "min-chunk"),
      maxConcurrentRequests: requestsOf(args),
      faults: args["fault-header"] ? { allowHeader: true } : undefined,
      adminUser,
      tokens: args.token === undefined ? undefined : Object.fromEntries(args.token.map(tokenOf)),
    }),
    registries,
  };
  return {
    emulator,
    log: logFormatOf(args),
    seeds: (args.seed ?? []).map(seedOf),
    faults: args.faults === undefined ? undefined : await textOf("faults", args.faults),
  };
}

function portOf(args: Arguments, name: "port" | "storage-port" | "entra-port"): number | undefined {
  const text = args[name];
  if (text === undefined) return undefined;
  if (!(/^\d+$/.test(text) && Number(text) <= 65_535)) {
    throw new TypeError(`--${name} ${text} is not a port: expected a number from 0 to 65535`);
  }
  return Number(text);
}

function softDeleteOf({ "soft-delete": days }: Arguments): EmulatorOptions["softDelete"] {
  if (days === undefined) return undefined;
  if (!(/^\d{1,2}$/.test(days) && Number(days) >= 1 && Number(days) <= 90)) {
    throw new TypeError(`--soft-delete ${days} is no retention: expected a number of days from 1 to 90`);
  }
  return { retentionDays: Number(days) };
}

const UNITS = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 } as const;

function sizeOf(args: Arguments, name: "quota" | "max-patch" | "min-chunk"): number | undefined {
  const text = args[name];
  if (text === undefined) return undefined;
  const [, number, unit = ""] = /^(\d{1,12})([KMGT]?)$/i.exec(text) ?? [];
  if (number === undefined)
    throw new TypeError(`--${name} ${text} is no size: expected bytes, or a number with K, M, G or T`);
  return Number(number) * UNITS[unit.toUpperCase() as keyof typeof UNITS];
}

function requestsOf({ "max-requests": requests }: Arguments): number | undefined {
  if (requests === undefined) return undefined;
  if (!/^[1-9]\d{0,5}$/.test(requests)) {
    throw new TypeError(`--max-requests ${requests} is no limit: expected a number from 1 on`);
  }
  return Number(requests);
}

async function adminUserOf(
  args: Arguments,
  env: Readonly<Record<string, string | undefined>>,
): Promise<EmulatorOptions["adminUser"]> {
  const { user, password, "password-file": file } = args;
  if (args["no-admin-user"]) {
    if (user !== undefined || password !== undefined || file !== undefined)
      throw new TypeError("--no-admin-user contradicts --user and --password");
    return false;
  }
  if (password !== undefined && file !== undefined) throw new TypeError("--password and --password-file: give one");
  const given = password ?? (file === undefined ? env[PASSWORD_VARIABLE] : await passwordIn(file));
  if (given === "") throw new TypeError("the password of the admin user is empty");
  if (user === undefined && given === undefined) return undefined;
  if (given === undefined) {
    throw new TypeError(`--user needs a password: --password, --password-file or the variable ${PASSWORD_VARIABLE}`);
  }
  return { username: user ?? DEFAULT_USER, password: given };
}

/** The name of a generated admin user as well. */
const DEFAULT_USER = "acrkit";

async function passwordIn(file: string): Promise<string> {
  // Editors, and `echo`, end a file with a line break.
  return (await textOf("password-file", file)).replace(/\r?\n$/, "");
}

async function textOf(option: OptionName, file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new TypeError(`--${option} ${file} cannot be read: ${(error as Error).message}`);
  }
}

function tokenOf(text: string): [string, { scopeMap: string }] {
  const [name = "", map = "_repositories_pull"] = text.split(/=(.*)/s);
  return [name, { scopeMap: map }];
}

function seedOf(text: string): Seed {
  const [layout = "", given] = text.split(/=(.*)/s);
  const repository = given ?? basename(resolve(layout)).toLowerCase();
  if (!isRepositoryName(repository)) {
    throw new TypeError(
      `--seed ${text}: ${JSON.stringify(repository)} is no name for a repository; give one behind a '='`,
    );
  }
  return { layout, repository };
}

function logFormatOf({ log = "text", quiet }: Arguments): LogFormat {
  if (quiet) return "none";
  if (log !== "text" && log !== "json" && log !== "none") {
    throw new TypeError(`--log ${log} is no format: expected text, json or none`);
  }
  return log;
}

/** Without the members that are undefined: an option that is not given has its default. */
function defined<T extends object>(members: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    readonly [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
