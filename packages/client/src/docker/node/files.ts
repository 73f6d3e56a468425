import { homedir } from "node:os";
import { join } from "node:path";
import type { Environment } from "../port.ts";

/** @see docker/cli, `cli/config/config.go` */
export function dockerConfigFile(environment: Environment): string {
  const folder = environment.DOCKER_CONFIG || join(homeOf(environment), ".docker");
  return join(folder, "config.json");
}

/**
 * The files that are asked, in this order:
 *
 * - those that the environment names, and then no others: `REGISTRY_AUTH_FILE`, `DOCKER_CONFIG`;
 * - or else podman's of this session, podman's of this user, docker's.
 *
 * Left out: `~/.dockercfg` of docker before 1.7, `/etc/containers/auth.json` of system services, and the helpers that
 * `containers-registries.conf` names.
 *
 * @see containers/image, `getAuthFilePaths` in `pkg/docker/config/config.go`; containers/common, `GetDefaultAuthFile` in
 *   `pkg/auth/auth.go`
 */
export function credentialFiles(environment: Environment): readonly string[] {
  const { REGISTRY_AUTH_FILE, DOCKER_CONFIG, XDG_CONFIG_HOME } = environment;
  const named = [
    ...(REGISTRY_AUTH_FILE ? [REGISTRY_AUTH_FILE] : []),
    ...(DOCKER_CONFIG ? [dockerConfigFile(environment)] : []),
  ];
  if (named.length > 0) return named;
  return [
    ...sessionFiles(environment),
    join(XDG_CONFIG_HOME || join(homeOf(environment), ".config"), "containers", "auth.json"),
    dockerConfigFile(environment),
  ];
}

/** Only Linux has files that last as long as the session. */
function sessionFiles({ XDG_RUNTIME_DIR }: Environment): readonly string[] {
  if (process.platform !== "linux") return [];
  return [
    join(
      XDG_RUNTIME_DIR || `/run/containers/${process.getuid?.() ?? 0}`,
      ...(XDG_RUNTIME_DIR ? ["containers"] : []),
      "auth.json",
    ),
  ];
}

function homeOf(environment: Environment): string {
  const home = process.platform === "win32" ? environment.USERPROFILE : environment.HOME;
  return home || homedir();
}
