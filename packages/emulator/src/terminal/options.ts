import { parseArgs } from "node:util";

/** What the command is told, before any of it is looked at. */
export type Arguments = {
  readonly [K in OptionName]?: (typeof OPTIONS)[K] extends { readonly argument: string }
    ? (typeof OPTIONS)[K] extends { readonly repeatable: true }
      ? readonly string[]
      : string
    : true;
};

export type OptionName = keyof typeof OPTIONS;

interface Option {
  /** What stands behind it; without one it is a switch. */
  readonly argument?: string;
  readonly repeatable?: boolean;
  /** The lines of the help. */
  readonly help: readonly string[];
}

/** Every option of the command, in the order of the help. */
export const OPTIONS = {
  port: { argument: "number", help: ["port of the registry (any free one)"] },
  "storage-port": {
    argument: "number",
    help: ["port of the blob storage that downloads are redirected to (any free one)"],
  },
  "entra-port": { argument: "number", help: ["port of the stand-in for Entra ID (any free one)"] },
  host: { argument: "address", help: ["address to listen on (127.0.0.1, this machine only)"] },
  hostname: {
    argument: "name",
    repeatable: true,
    help: ["a name that clients have for this machine, for the certificate"],
  },
  data: { argument: "folder", help: ["where to keep everything (a temporary folder, removed at the end)"] },
  http: { help: ["plain HTTP instead of HTTPS with a certificate of its own"] },
  registry: {
    argument: "name",
    repeatable: true,
    help: ["a further registry: at a port of its own, and as NAME.localhost at each"],
  },
  "login-server": {
    argument: "name",
    help: ["what the registry calls itself (the host and port it is addressed by)"],
  },
  user: { argument: "name", help: ["name of the admin user (acrkit)"] },
  password: { argument: "password", help: ["password of the admin user (generated, kept in the data folder)"] },
  "password-file": {
    argument: "file",
    help: ["the same from a file; or from the variable ACRKIT_EMULATOR_PASSWORD"],
  },
  "no-admin-user": { help: ["no admin user, as in a new registry of the service"] },
  token: {
    argument: "name[=map]",
    repeatable: true,
    help: ["a repository-scoped token, with a built-in scope map (_repositories_pull)"],
  },
  "anonymous-pull": { help: ["let anyone list and pull"] },
  abac: { help: ["roles count for single repositories, and wildcard scopes are ignored"] },
  "soft-delete": { argument: "days", help: ["keep what is deleted, to be restored, for 1 to 90 days (not at all)"] },
  quarantine: { help: ["nothing can be pulled before it has been marked as passed"] },
  quota: { argument: "size", help: ["the most it may hold: bytes, or with K, M, G or T (no limit)"] },
  "resumable-uploads": { help: ["uploads that broke off can go on, as with zot, unlike ACR"] },
  "max-patch": { argument: "size", help: ["the most one PATCH may carry, as --quota (no limit)"] },
  "min-chunk": { argument: "size", help: ["the fewest bytes of every chunk but the last, as --quota (no minimum)"] },
  "max-requests": { argument: "number", help: ["requests under way at a time; one more gets 429 (no limit)"] },
  seed: {
    argument: "layout[=repository]",
    repeatable: true,
    help: ["an OCI image layout to begin with (into a repository named like its folder)"],
  },
  faults: { argument: "file", help: ["what goes wrong: a script of faults, in JSON"] },
  "fault-header": { help: ["let requests ask for faults by their header x-acrkit-fault"] },
  log: { argument: "format", help: ["how requests are shown: text, json or none (text)"] },
  quiet: { help: ["the same as --log none"] },
  help: { help: ["show this text"] },
  version: { help: ["show the version"] },
} as const satisfies Record<string, Option>;

/** Reads a command line. @throws {TypeError} an option that there is not, or without its argument */
export function readArguments(args: readonly string[]): Arguments {
  const options = Object.fromEntries(
    Object.entries<Option>(OPTIONS).map(([name, { argument, repeatable = false }]) => [
      name,
      { type: argument === undefined ? ("boolean" as const) : ("string" as const), multiple: repeatable },
    ]),
  );
  // parseArgs cannot see what the table holds.
  return parseArgs({ args: [...args], options }).values as unknown as Arguments;
}

/** The options as a table of two columns. */
export function optionHelp(): string {
  const rows = Object.entries<Option>(OPTIONS).map(([name, { argument, repeatable, help }]) => ({
    left: `--${name}${argument === undefined ? "" : ` <${argument}>`}${repeatable ? "…" : ""}`,
    help,
  }));
  const width = Math.max(...rows.map(({ left }) => left.length)) + 2;
  return rows.map(({ left, help }) => `  ${left.padEnd(width)}${help.join(`\n${" ".repeat(width + 2)}`)}`).join("\n");
}
