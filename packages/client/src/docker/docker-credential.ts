import { dockerRuntime } from "#docker";
import type { CredentialFunction, CredentialRequest } from "../auth/credential.ts";
import { readAuthEntry, type StoredCredential } from "./auth-entry.ts";
import type { DockerConfig } from "./config.ts";
import { CredentialFiles } from "./credential-files.ts";
import { getFromHelper, toHelperTimeout } from "./helper.ts";
import { HelperAnswers } from "./helper-answers.ts";
import { authKeyFor, type ConfiguredHelper, helperFor } from "./lookup.ts";
import type { Environment } from "./port.ts";

/** Where docker's and podman's credentials are looked for. */
export interface DockerCredentialOptions {
  /**
   * The only file to ask, docker's or podman's. It has to be there.
   *
   * @defaultValue those that docker and podman use: `REGISTRY_AUTH_FILE` and `DOCKER_CONFIG` when the environment names them,
   *   or else `auth.json` of podman's session, `auth.json` in `~/.config/containers`, `~/.docker/config.json`
   */
  readonly configFile?: string;
  /**
   * The variables that name files and folders, and what helpers are given as theirs.
   *
   * @defaultValue `process.env`
   */
  readonly environment?: Environment;
  /**
   * How long a helper may take, in milliseconds, before it is ended.
   *
   * @defaultValue 30 000
   */
  readonly helperTimeoutInMs?: number;
}

/**
 * The credentials of `docker login`, `podman login`, `oras login` and the like, for the client's second argument or as a link
 * of a chain. Passes on when nothing is stored for a registry.
 *
 * Files are read anew each time, so that a login in another window counts; a helper is run once for all repositories of a
 * registry, and again when its answer was refused or is five minutes old.
 * An entry for a repository or a namespace (`myregistry.azurecr.io/team`) comes before its registry's; the helper of a
 * registry (`credHelpers`) before the one for all (`credsStore`), and that before what is in the file (`auths`).
 *
 * @throws {UnsupportedError} at once, where there are no files: in a browser
 * @throws {DockerConfigError} when asked: a file is there, and cannot be used
 * @throws {CredentialHelperError} when asked: a helper is missing, failed, or took too long
 * @see docker/cli, `cli/config`; containers-auth.json(5)
 * @example
 * ```ts
 * import { ContainerRegistryClient, dockerCredential } from "@acrkit/client";
 * const client = new ContainerRegistryClient("https://myregistry.azurecr.io", dockerCredential());
 * ```
 */
export function dockerCredential(options: DockerCredentialOptions = {}): CredentialFunction {
  const environment = options.environment ?? dockerRuntime.environment();
  const timeoutInMs = toHelperTimeout(options.helperTimeoutInMs);
  const files = new CredentialFiles(dockerRuntime, environment, options.configFile);
  const answers = new HelperAnswers(Date.now);
  return async (request) => {
    for await (const config of files.read()) {
      const { source } = config;
      const ask = (helper: ConfiguredHelper) =>
        answers.get(
          `${source} ${helper.name} ${helper.server}`,
          request.repositories.join(" "),
          request.abortSignal,
          (abortSignal) =>
            getFromHelper(helper, { runtime: dockerRuntime, environment, source, timeoutInMs, abortSignal }),
        );
      const credential = await credentialIn(config, request, ask);
      if (credential !== undefined) return credential;
    }
    return undefined;
  };
}

async function credentialIn(
  config: DockerConfig,
  request: CredentialRequest,
  ask: (helper: ConfiguredHelper) => Promise<StoredCredential | undefined>,
): Promise<StoredCredential | undefined> {
  const { registry } = request;
  const helper = helperFor(config, registry);
  if (helper !== undefined) {
    const credential = await ask(helper);
    // Docker asks no further. Podman knows no `credsStore`, and finds what is in the file: so does this, for either's users.
    if (credential !== undefined || helper.member === "credHelpers") return credential;
  }
  const repositories = writtenFirst(request);
  for (const repository of repositories.length === 0 ? [undefined] : repositories) {
    const key = authKeyFor(config, registry, repository);
    const credential = key === undefined ? undefined : readAuthEntry(config.source, key, config.auths[key]);
    if (credential !== undefined) return credential;
  }
  return undefined;
}

/** A mount reaches two repositories with one token: that of the one which is written to, if there is a credential for it. */
function writtenFirst({ repositories, scopes }: CredentialRequest): readonly string[] {
  const isWritten = (name: string) =>
    scopes.some((scope) => scope.startsWith(`repository:${name}:`) && /[:,](?:push|\*)(?:,|$)/.test(scope));
  return [...repositories].sort((a, b) => Number(isWritten(b)) - Number(isWritten(a)));
}
