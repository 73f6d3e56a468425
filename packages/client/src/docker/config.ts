import { DockerConfigError } from "./errors.ts";

/** What a docker `config.json` or podman `auth.json` says of credentials. */
export interface DockerConfig {
  /** The file, or the environment's variable, for errors. */
  readonly source: string;
  /** By key; an entry is checked only when it is wanted, so that a broken one of another registry does no harm. */
  readonly auths: Readonly<Record<string, unknown>>;
  /** The helper for every registry that has none of its own. */
  readonly credsStore: string | undefined;
  /** Helpers by registry. */
  readonly credHelpers: Readonly<Record<string, string>>;
}

type Members = Readonly<Record<string, unknown>>;

/**
 * Reads a file's text. An empty one holds nothing, as for docker.
 *
 * @throws {DockerConfigError} not JSON, or a member is of another type
 * @see docker/cli, `cli/config/configfile/file.go`; containers-auth.json(5)
 */
export function parseConfig(source: string, text: string): DockerConfig {
  const content = parseMembers(source, text);
  const credHelpers = members(source, "credHelpers", content.credHelpers);
  for (const [registry, helper] of Object.entries(credHelpers)) {
    if (typeof helper !== "string") throw invalid(source, `credHelpers has no name of a helper for ${registry}`);
  }
  const credsStore = content.credsStore ?? "";
  if (typeof credsStore !== "string") throw invalid(source, "credsStore is not the name of a helper");
  return {
    source,
    auths: members(source, "auths", content.auths),
    credsStore: credsStore === "" ? undefined : credsStore,
    credHelpers: credHelpers as Record<string, string>,
  };
}

/** What a member of docker's file is indented by, as docker does. */
const INDENT = "\t";

/**
 * A file's text with its `auths` changed, and everything else as it was, in its order. Undefined when `change` says that
 * there is nothing to change.
 *
 * @throws {DockerConfigError} as `parseConfig`
 */
export function changeAuths(
  source: string,
  text: string | undefined,
  change: (auths: Record<string, unknown>) => boolean,
): string | undefined {
  const content = parseMembers(source, text ?? "");
  // Without a prototype, which a registry by the name of `__proto__` would replace.
  const auths: Record<string, unknown> = Object.assign(Object.create(null), members(source, "auths", content.auths));
  return change(auths) ? JSON.stringify({ ...content, auths }, undefined, INDENT) : undefined;
}

function parseMembers(source: string, text: string): Members {
  // Editors on Windows put a mark in front, which JSON does not have.
  const json = text.replace(/^\uFEFF/, "");
  if (json.trim() === "") return {};
  return members(source, undefined, parseJson(source, json));
}

/** The object behind a member; none counts as empty. */
export function members(source: string, name: string | undefined, value: unknown): Members {
  if (value === undefined || (value === null && name !== undefined)) return {};
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Members;
  throw invalid(source, name === undefined ? "it is not a JSON object" : `${name} is not a JSON object`);
}

export function invalid(source: string, problem: string): DockerConfigError {
  return new DockerConfigError(
    `the credentials in ${source} cannot be used: ${problem}. Correct it, or log in again.`,
    { code: "DOCKER_CONFIG_INVALID", file: source },
  );
}

function parseJson(source: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The parser's own message quotes what it stumbled over, which may be a password.
    const at = /line (\d+) column (\d+)/.exec((error as Error).message);
    throw invalid(source, `it is not JSON${at === null ? "" : ` (line ${at[1]}, column ${at[2]})`}`);
  }
}
