import { join } from "node:path";

/**
 * Home, and all the names by which tools look past it for credentials. Go, Python and Node are told by their own
 * variables which certificate to trust; each of these replaces the system's, so the clients reach nothing else.
 */
export function isolatedEnvironment(home: string, certificateFile: string): Readonly<Record<string, string>> {
  return {
    PATH: process.env.PATH ?? "",
    LANG: "C.UTF-8",
    HOME: home,
    TMPDIR: home,
    XDG_CONFIG_HOME: join(home, "config"),
    XDG_CACHE_HOME: join(home, "cache"),
    XDG_RUNTIME_DIR: join(home, "run"),
    DOCKER_CONFIG: join(home, "docker"),
    REGISTRY_AUTH_FILE: join(home, "auth.json"),
    SSL_CERT_FILE: certificateFile,
    SSL_CERT_DIR: home,
    REQUESTS_CA_BUNDLE: certificateFile,
    NODE_EXTRA_CA_CERTS: certificateFile,
  };
}
