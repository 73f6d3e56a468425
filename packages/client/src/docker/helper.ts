import { InvalidInputError } from "@acrkit/oci";
import { type StoredCredential, toStoredCredential } from "./auth-entry.ts";
import { CredentialHelperError } from "./errors.ts";
import type { ConfiguredHelper } from "./lookup.ts";
import type { DockerRuntime, Environment, HelperAnswer } from "./port.ts";

/** What a helper says, by docker's own library, when it has nothing: no failure. */
export const NOT_FOUND = "credentials not found in native keychain";

/** The name of a secret that is a refresh token, and belongs to no user. */
const TOKEN_USER = "<token>";

/** A keychain may ask its owner for permission; nobody waits longer. */
const DEFAULT_HELPER_TIMEOUT_IN_MS = 30_000;

/** @throws {InvalidInputError} no number of milliseconds */
export function toHelperTimeout(value = DEFAULT_HELPER_TIMEOUT_IN_MS): number {
  // Node runs a timer of more than 31 bits at once.
  if (typeof value === "number" && value > 0 && value <= 2 ** 31 - 1) return value;
  throw new InvalidInputError("helperTimeoutInMs", value, "expected a number of milliseconds above 0");
}

/** How a helper is run. */
export interface HelperContext {
  readonly runtime: DockerRuntime;
  readonly environment: Environment;
  /** The file that names it. */
  readonly source: string;
  readonly timeoutInMs: number;
  readonly abortSignal: AbortSignal | undefined;
}

/**
 * Asks a helper. Undefined when it has nothing.
 *
 * @throws {CredentialHelperError} it is missing, failed, or gave no answer; nothing of its answer is shown
 * @see docker/docker-credential-helpers, `client/client.go` and `credentials/credentials.go`
 */
export async function getFromHelper(
  helper: ConfiguredHelper,
  context: HelperContext,
): Promise<StoredCredential | undefined> {
  const answer = await run(helper, "get", helper.server, context);
  const text = decode(answer.output);
  if (answer.exitCode !== 0) {
    if (text?.trim() === NOT_FOUND) return undefined;
    throw failed(helper, "get", context, answer, []);
  }
  return parseAnswer(helper, text);
}

export async function storeInHelper(
  helper: ConfiguredHelper,
  { username, password }: { readonly username: string; readonly password: string },
  context: HelperContext,
): Promise<void> {
  const input = JSON.stringify({ ServerURL: helper.server, Username: username, Secret: password });
  const answer = await run(helper, "store", input, context);
  if (answer.exitCode !== 0) throw failed(helper, "store", context, answer, [password]);
}

/** What is not there counts as erased. */
export async function eraseFromHelper(helper: ConfiguredHelper, context: HelperContext): Promise<void> {
  const answer = await run(helper, "erase", helper.server, context);
  if (answer.exitCode === 0 || decode(answer.output)?.trim() === NOT_FOUND) return;
  throw failed(helper, "erase", context, answer, []);
}

function run(helper: ConfiguredHelper, verb: string, input: string, context: HelperContext): Promise<HelperAnswer> {
  const { runtime, environment, source, timeoutInMs, abortSignal } = context;
  const program = `docker-credential-${helper.name}`;
  // It becomes part of a program's name: with a separator it could name any program, with a NUL another than the one shown.
  if (!/^[A-Za-z0-9._-]+$/.test(helper.name) || helper.name.length > 200) {
    throw new CredentialHelperError(
      `${helper.member} in ${source} names ${JSON.stringify(helper.name.slice(0, 200))}, which cannot be the name of a credential helper: only letters, digits, ".", "_" and "-" can be. Correct it there.`,
      { code: "CREDENTIAL_HELPER_MISSING", helper: helper.name.slice(0, 200) },
    );
  }
  return runtime.runHelper({
    program,
    verb,
    input,
    environment,
    timeoutInMs,
    abortSignal,
    missing: `${helper.member} in ${source} wants it for ${helper.server}. Install it, or remove it there.`,
  });
}

function parseAnswer(helper: ConfiguredHelper, text: string | undefined): StoredCredential | undefined {
  const wrong = (problem: string) =>
    new CredentialHelperError(
      `docker-credential-${helper.name} get for ${helper.server} gave no credential: its answer ${problem}. Update the helper, or use another.`,
      { code: "CREDENTIAL_HELPER_FAILED", helper: helper.name },
    );
  if (text === undefined) throw wrong("is not UTF-8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong("is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong("is not a JSON object");
  const { Username: username = "", Secret: secret = "" } = value as Record<string, unknown>;
  if (typeof username !== "string" || typeof secret !== "string") throw wrong("has no user name or no secret");
  if (secret === "" && username === "") return undefined;
  if (username === "") throw wrong("has no user name");
  return username === TOKEN_USER ? { refreshToken: secret } : toStoredCredential(username, secret);
}

function failed(
  helper: ConfiguredHelper,
  verb: string,
  { source }: HelperContext,
  { exitCode, output }: HelperAnswer,
  secrets: readonly string[],
): CredentialHelperError {
  const end = exitCode === undefined ? "was killed" : `ended with ${exitCode}`;
  return new CredentialHelperError(
    `docker-credential-${helper.name} ${verb} for ${helper.server} ${end}: ${said(decode(output), secrets)}. It is named by ${helper.member} in ${source}; run it yourself to see more.`,
    { code: "CREDENTIAL_HELPER_FAILED", helper: helper.name },
  );
}

/** Longer ones than this are no messages. */
const MAX_MESSAGE = 300;

/**
 * A failed helper's output is a message by the protocol, and is shown; one that looks like an answer is not, and in none
 * anything that may be a token. What it writes to its standard error is never read.
 */
function said(text: string | undefined, secrets: readonly string[]): string {
  const line = text?.trim().split("\n", 1)[0]?.trim() ?? "";
  if (text === undefined || /[{}]|secret/i.test(text))
    return "it said something that is not shown, since it may hold a secret";
  if (line === "") return "it said nothing";
  const masked = secrets
    .filter((secret) => secret !== "")
    .reduce((shown, secret) => shown.replaceAll(secret, "***"), line);
  const printable = masked
    .replace(/[^\x20-\x7e\u00a0-\uffff]|[\p{Cf}\p{Zl}\p{Zp}]/gu, " ")
    .replace(/[\w+/=.-]{32,}/g, "***");
  return printable.length > MAX_MESSAGE ? `${printable.slice(0, MAX_MESSAGE)}…` : printable.replace(/\.$/, "");
}

function decode(output: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(output);
  } catch {
    return undefined;
  }
}
