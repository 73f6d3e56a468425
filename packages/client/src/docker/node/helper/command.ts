import { VERSION } from "../../../version.ts";
import { NOT_FOUND } from "../../helper.ts";
import type { Environment } from "../../port.ts";
import { type AcrRegistry, acrRegistryOf } from "./acr-registries.ts";
import { type HelperCredential, HelperStore } from "./helper-store.ts";

/** What the helper is given by its process, or by a test. */
export interface HelperCommandContext {
  readonly args: readonly string[];
  readonly environment: Environment;
  readonly input: AsyncIterable<Uint8Array>;
  out(text: string): void;
  error(text: string): void;
  /** How a refresh token of a registry is had, where it is not by Entra ID. */
  readonly refreshTokenOf?: (registry: AcrRegistry, environment: Environment) => Promise<string>;
}

const USAGE = "usage: docker-credential-acrkit <get|store|erase|list>";

const HELP = `docker-credential-acrkit: gives docker, podman, crane, oras and skopeo tokens of Azure container registries from Entra ID

${USAGE}

  get     reads a registry's address from the standard input, and prints its credential as JSON: what was stored for it,
          or else, for an Azure container registry, a token from Entra ID by DefaultAzureCredential of @azure/identity
  store   reads {"ServerURL","Username","Secret"} from the standard input, and keeps it in acrkit-credentials.json in
          docker's folder
  erase   reads a registry's address from the standard input, and forgets what was stored for it
  list    prints what is stored, as {"address":"user"}

In docker's config.json:  { "credHelpers": { "myregistry.azurecr.io": "acrkit" } }

Environment:
  AZURE_…             who logs in, as for every program that uses @azure/identity
  ACRKIT_REGISTRIES   registries of Azure by other names than *.azurecr.io, .cn, .us, separated by blanks or commas
  DOCKER_CONFIG       docker's folder

Exit codes: 0 done, 1 failed or nothing there, 2 wrong usage.`;

/** A token has some KiB. */
const MAX_INPUT_BYTES = 1024 * 1024;

/** Longer than this is no message for people. */
const MAX_MESSAGE = 2_000;

/**
 * Runs the helper. The result is its exit code; messages go where docker looks for them, to the standard output.
 *
 * @see docker/docker-credential-helpers, `credentials/credentials.go`
 */
export async function runHelperCommand(context: HelperCommandContext): Promise<number> {
  const [verb = "", ...rest] = context.args;
  if (verb === "--help" || verb === "-h") return say(context, HELP);
  if (verb === "--version" || verb === "version") return say(context, `docker-credential-acrkit ${VERSION}`);
  const act = Object.hasOwn(VERBS, verb) ? VERBS[verb as keyof typeof VERBS] : undefined;
  if (act === undefined || rest.length > 0) {
    context.error(`${USAGE}\nTry docker-credential-acrkit --help.`);
    return 2;
  }
  try {
    return await act(context, new HelperStore(context.environment));
  } catch (error) {
    const message = error instanceof Error ? error.message : "it failed without a reason";
    context.out(message.slice(0, MAX_MESSAGE));
    return 1;
  }
}

const VERBS = { get, store, erase, list };

async function get(context: HelperCommandContext, store: HelperStore): Promise<number> {
  const server = await readServer(context);
  if (server === "") return fail(context, "no credentials server URL");
  const credential = (await store.get(server)) ?? (await fromEntra(context, server));
  if (credential === undefined) return fail(context, NOT_FOUND);
  return say(context, JSON.stringify({ ServerURL: server, Username: credential.username, Secret: credential.secret }));
}

async function store(context: HelperCommandContext, store: HelperStore): Promise<number> {
  const { ServerURL, Username, Secret } = parse(await read(context));
  if (typeof ServerURL !== "string" || ServerURL === "") return fail(context, "no credentials server URL");
  if (typeof Username !== "string" || Username === "") return fail(context, "no credentials username");
  if (typeof Secret !== "string") return fail(context, "no credentials secret");
  await store.put(ServerURL, { username: Username, secret: Secret });
  return 0;
}

async function erase(context: HelperCommandContext, store: HelperStore): Promise<number> {
  const server = await readServer(context);
  if (server === "") return fail(context, "no credentials server URL");
  await store.erase(server);
  return 0;
}

async function list(context: HelperCommandContext, store: HelperStore): Promise<number> {
  return say(context, JSON.stringify(await store.list()));
}

/** Only Azure's registries: an Entra token must not go to whoever a file names. */
async function fromEntra(context: HelperCommandContext, server: string): Promise<HelperCredential | undefined> {
  const { environment } = context;
  const registry = acrRegistryOf(server, environment);
  if (registry === undefined) return undefined;
  const refreshTokenOf = context.refreshTokenOf ?? (await import("./entra.ts")).refreshTokenOf;
  return { username: registry.username, secret: await refreshTokenOf(registry, environment) };
}

async function readServer(context: HelperCommandContext): Promise<string> {
  return (await read(context)).trim();
}

async function read({ input }: HelperCommandContext): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of input) {
    length += part.byteLength;
    if (length > MAX_INPUT_BYTES) throw new Error("the standard input is longer than any credential");
    parts.push(part);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
  } catch {
    throw new Error("the standard input is not UTF-8");
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>;
  } catch {
    // The parser's own message quotes what it read.
    throw new Error("the standard input is not JSON");
  }
}

function say(context: HelperCommandContext, text: string): number {
  context.out(text);
  return 0;
}

function fail(context: HelperCommandContext, text: string): number {
  context.out(text);
  return 1;
}
