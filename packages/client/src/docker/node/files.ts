import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { DockerConfigError } from "../errors.ts";
import type { Environment } from "../port.ts";

/**
 * @throws {DockerConfigError} this user has no home, and `DOCKER_CONFIG` names no folder
 * @see docker/cli, `cli/config/config.go`
 */
export function dockerConfigFile(environment: Environment): string {
  if (environment.DOCKER_CONFIG) return join(environment.DOCKER_CONFIG, "config.json");
  const home = homeOf(environment);
  if (home !== undefined) return join(home, ".docker", "config.json");
  const file = "~/.docker/config.json";
  throw new DockerConfigError(
    `docker's file ${file} cannot be found: this user has no home. Set DOCKER_CONFIG to a folder for it, or HOME.`,
    { code: "DOCKER_CONFIG_UNREADABLE", file },
  );
}

/**
 * The files that are asked, in this order:
 *
 * - those that the environment names, and then no others: `REGISTRY_AUTH_FILE`, `DOCKER_CONFIG`;
 * - or else podman's of this session, podman's of this user, docker's. An XDG path that is relative names nothing, by its
 *   specification: it is whatever folder somebody works in. Whoever has no home, has no files there.
 *
 * Left out: `~/.dockercfg` of docker before 1.7, `/etc/containers/auth.json` of system services, and the helpers that
 * `containers-registries.conf` names.
 *
 * @see containers/image, `getAuthFilePaths` in `pkg/docker/config/config.go`; containers/common, `GetDefaultAuthFile` in
 *   `pkg/auth/auth.go`
 */
export function credentialFiles(environment: Environment): readonly string[] {
  const { REGISTRY_AUTH_FILE, DOCKER_CONFIG } = environment;
  const named = [
    ...(REGISTRY_AUTH_FILE ? [REGISTRY_AUTH_FILE] : []),
    ...(DOCKER_CONFIG ? [dockerConfigFile(environment)] : []),
  ];
  if (named.length > 0) return named;
  const home = homeOf(environment);
  const settings = absolute(environment.XDG_CONFIG_HOME) ?? (home && join(home, ".config"));
  return [
    ...sessionFiles(environment),
    ...(settings ? [join(settings, "containers", "auth.json")] : []),
    ...(home ? [dockerConfigFile(environment)] : []),
  ];
}

/** Only Linux has files that last as long as the session. */
function sessionFiles({ XDG_RUNTIME_DIR }: Environment): readonly string[] {
  if (process.platform !== "linux") return [];
  const session = absolute(XDG_RUNTIME_DIR);
  const folder = session ? join(session, "containers") : `/run/containers/${process.getuid?.() ?? 0}`;
  return [join(folder, "auth.json")];
}

function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined;
}

/** Undefined for a user that the system does not know, as in containers that run under any number. */
function homeOf(environment: Environment): string | undefined {
  const home = process.platform === "win32" ? environment.USERPROFILE : environment.HOME;
  if (home) return home;
  try {
    return homedir();
  } catch {
    return undefined;
  }
}
