import { InvalidInputError } from "@acrkit/oci";
import { isTokenCredential, type TokenCredential } from "@azure/core-auth";
import { dockerRuntime } from "#docker";
import type { BasicCredential, RefreshTokenCredential } from "../auth/credential.ts";
import type { ContainerRegistryClientOptions } from "../client-options.ts";
import { composeClient } from "../compose.ts";
import { parseEndpoint } from "../endpoint.ts";
import { fromStoredCredential, type StoredCredential, writeAuthEntry } from "./auth-entry.ts";
import { changeAuths, type DockerConfig, parseConfig } from "./config.ts";
import { exchangeRefreshToken } from "./exchange.ts";
import { eraseFromHelper, storeInHelper, toHelperTimeout } from "./helper.ts";
import { authKeysOf, type ConfiguredHelper, helperFor, serverKey } from "./lookup.ts";
import type { Environment } from "./port.ts";

/** Where a login is kept. */
export interface LogoutOptions {
  /**
   * The file to write to: docker's, or podman's `auth.json`.
   *
   * @defaultValue docker's: `config.json` in the folder that `DOCKER_CONFIG` names, or in `~/.docker`
   */
  readonly configFile?: string;
  /**
   * The variables that name docker's folder, and what its helper is given as its own.
   *
   * @defaultValue `process.env`
   */
  readonly environment?: Environment;
  /**
   * How long docker's helper may take, in milliseconds, before it is ended.
   *
   * @defaultValue 30 000
   */
  readonly helperTimeoutInMs?: number;
  readonly abortSignal?: AbortSignal;
}

/** Options of `login`: where it is kept, and those of the client that tries it. */
export interface LoginOptions extends LogoutOptions, ContainerRegistryClientOptions {
  /**
   * False stores the credential untried.
   *
   * @defaultValue true
   */
  readonly verify?: boolean;
}

/** What a login or a logout has changed. */
export interface LoginResult {
  /** The registry's host, with its port where it is not the usual one. */
  readonly registry: string;
  /** The file, or the helper's program; undefined when nothing was there to be erased. */
  readonly storedIn: string | undefined;
}

/**
 * Logs docker, podman and everyone who reads docker's file in to a registry, without docker: tries the credential, and stores
 * it where docker would have, in the helper that its file names for the registry, or else in the file itself.
 *
 * An Entra credential is exchanged for a refresh token of the registry, which is stored in its place and holds for a little
 * over three hours; the helper `docker-credential-acrkit` gets a new one whenever it is asked.
 *
 * The file is replaced as a whole, keeps whatever else is in it, and may be read by its owner alone afterwards. Several
 * processes may log in at a time.
 *
 * @param registry - `https://myregistry.azurecr.io`, or the login server alone
 * @throws {ClientAuthenticationError} the registry refuses the credential; nothing is stored
 * @throws {DockerConfigError} docker's file cannot be read or written
 * @throws {CredentialHelperError} docker's helper is missing, failed, or took too long
 * @throws {UnsupportedError} there are no files here: in a browser
 * @example
 * ```ts
 * import { login } from "@acrkit/client";
 * const { REGISTRY_USER: username, REGISTRY_PASSWORD: password } = process.env;
 * if (username && password) await login("myregistry.azurecr.io", { username, password });
 * ```
 */
export async function login(
  registry: string,
  credential: BasicCredential | RefreshTokenCredential | TokenCredential,
  options: LoginOptions = {},
): Promise<LoginResult> {
  const place = toPlace(registry, options);
  const stored = isTokenCredential(credential)
    ? { refreshToken: await exchangeRefreshToken(registry, credential, options) }
    : checked(credential);
  if (options.verify ?? true) await tryOut(registry, stored, options);
  const helper = helperFor(await readConfig(place.file), place.host);
  if (helper !== undefined) {
    await storeInHelper(helper, fromStoredCredential(stored), { ...place, source: place.file });
    // Docker notes in its file that there is something in the helper, and holds what was there for no longer valid.
    await replaceEntry(place, {});
    return { registry: place.host, storedIn: programOf(helper) };
  }
  await replaceEntry(place, writeAuthEntry(stored));
  return { registry: place.host, storedIn: place.file };
}

/**
 * Takes a login back: erases it from docker's helper and from its file. What is not there counts as erased.
 *
 * @throws {DockerConfigError} docker's file cannot be read or written
 * @throws {CredentialHelperError} docker's helper is missing, failed, or took too long
 * @example
 * ```ts
 * import { logout } from "@acrkit/client";
 * await logout("myregistry.azurecr.io");
 * ```
 */
export async function logout(registry: string, options: LogoutOptions = {}): Promise<LoginResult> {
  const place = toPlace(registry, options);
  const config = await readConfig(place.file);
  const helper = helperFor(config, place.host);
  if (helper !== undefined) await eraseFromHelper(helper, { ...place, source: place.file });
  const isInFile = authKeysOf(config.auths, place.host).length > 0;
  if (isInFile) await replaceEntry(place, undefined);
  const storedIn = helper !== undefined ? programOf(helper) : isInFile ? place.file : undefined;
  return { registry: place.host, storedIn };
}

interface Place {
  readonly host: string;
  readonly file: string;
  readonly environment: Environment;
  readonly timeoutInMs: number;
  readonly abortSignal: AbortSignal | undefined;
  readonly runtime: typeof dockerRuntime;
}

function toPlace(registry: string, options: LogoutOptions): Place {
  // Nothing is sent yet: whether it may be sent in the clear is asked when the credential is tried.
  const { host } = parseEndpoint(registry, { hasCredential: false, allowInsecureConnection: true });
  const environment = options.environment ?? dockerRuntime.environment();
  return {
    host,
    file: options.configFile ?? dockerRuntime.dockerConfigFile(environment),
    environment,
    timeoutInMs: toHelperTimeout(options.helperTimeoutInMs),
    abortSignal: options.abortSignal,
    runtime: dockerRuntime,
  };
}

function checked(credential: StoredCredential): StoredCredential {
  if (typeof credential !== "object" || credential === null) {
    throw new InvalidInputError(
      "credential",
      "(not shown)",
      "expected { username, password }, { refreshToken }, or a TokenCredential",
    );
  }
  const { username, password } = fromStoredCredential(credential);
  // Whoever reads the file divides at the first colon.
  if (typeof username !== "string" || username === "" || /[:\p{Cc}]/u.test(username)) {
    throw new InvalidInputError(
      "credential",
      "(not shown)",
      "a user name holds no colon, no line break, and something",
    );
  }
  if (typeof password !== "string" || password === "" || /\p{Cc}/u.test(password)) {
    throw new InvalidInputError("credential", "(not shown)", "a password or token holds no line break, and something");
  }
  return credential;
}

async function tryOut(registry: string, credential: StoredCredential, options: LoginOptions): Promise<void> {
  // Where a registry welcomes everybody, nothing would be tried.
  const { connection } = composeClient(registry, credential, { ...options, anonymousFirst: false });
  const { abortSignal } = options;
  await connection.send({
    method: "login",
    operation: "checkApi",
    expected: [200],
    options: abortSignal === undefined ? {} : { abortSignal },
  });
}

async function readConfig(file: string): Promise<DockerConfig> {
  return parseConfig(file, (await dockerRuntime.readFile(file))?.text ?? "");
}

/** Puts an entry in the place of all that are for this registry, however it is named in them. */
function replaceEntry({ file, host }: Place, entry: object | undefined): Promise<void> {
  return dockerRuntime.updateFile(file, (text) =>
    changeAuths(file, text, (auths) => {
      const key = serverKey(host);
      for (const other of authKeysOf(auths, host)) if (entry === undefined || other !== key) delete auths[other];
      if (entry !== undefined) auths[key] = entry;
      return true;
    }),
  );
}

function programOf({ name }: ConfiguredHelper): string {
  return `docker-credential-${name}`;
}
