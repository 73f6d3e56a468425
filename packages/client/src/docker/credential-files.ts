import { logger } from "../logger.ts";
import { type DockerConfig, parseConfig } from "./config.ts";
import { DockerConfigError } from "./errors.ts";
import type { DockerRuntime, Environment } from "./port.ts";

/** A variable with what would be in docker's file, for containers that have no files of their own. */
const VARIABLE = "DOCKER_AUTH_CONFIG";

/** The files that may hold a credential, read anew each time. Remembers which it has warned about. */
export class CredentialFiles {
  readonly #runtime: DockerRuntime;
  readonly #environment: Environment;
  readonly #only: string | undefined;
  readonly #warned = new Set<string>();

  constructor(runtime: DockerRuntime, environment: Environment, only: string | undefined) {
    this.#runtime = runtime;
    this.#environment = environment;
    this.#only = only;
  }

  /**
   * One after the other, as they are wanted.
   *
   * @throws {DockerConfigError} one cannot be used, or the only one is not there
   */
  async *read(): AsyncGenerator<DockerConfig, void, undefined> {
    const variable = this.#environment[VARIABLE];
    if (this.#only === undefined && variable) yield parseConfig(`the variable ${VARIABLE}`, variable);
    const files = this.#only === undefined ? this.#runtime.credentialFiles(this.#environment) : [this.#only];
    for (const path of files) {
      const file = await this.#runtime.readFile(path);
      if (file !== undefined) {
        if (file.isExposed && holdsSecrets(file.text)) this.#warn(path);
        yield parseConfig(path, file.text);
      } else if (this.#only !== undefined) {
        throw new DockerConfigError(
          `the credentials in ${path} cannot be read: there is no such file. Log in, or correct the option configFile.`,
          { code: "DOCKER_CONFIG_UNREADABLE", file: path },
        );
      }
    }
  }

  #warn(path: string): void {
    if (this.#warned.has(path)) return;
    this.#warned.add(path);
    logger.warning(`${path} holds credentials, and others than its owner may read it: chmod 600 ${path}`);
  }
}

/** By the members that hold them; docker's file may have other settings alone, and may then be read by everyone. */
function holdsSecrets(text: string): boolean {
  return /"(?:auth|identitytoken|password|registrytoken)"\s*:\s*"[^"]/.test(text);
}
