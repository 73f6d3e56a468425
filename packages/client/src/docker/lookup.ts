import type { DockerConfig } from "./config.ts";

/** Docker Hub, by all of its names. */
const DOCKER_HUB = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/** Under this key docker keeps the credential of Docker Hub, a registry of the first version's days. */
const DOCKER_HUB_KEY = "https://index.docker.io/v1/";

/** A helper that is to be asked, and for what. */
export interface ConfiguredHelper {
  readonly name: string;
  /** What it knows the registry by. */
  readonly server: string;
  /** The member of the file that names it. */
  readonly member: "credHelpers" | "credsStore";
}

/** The key under which docker, and everyone else, stores the credential of a registry. */
export function serverKey(host: string): string {
  return DOCKER_HUB.includes(host) ? DOCKER_HUB_KEY : host;
}

/**
 * The helper for a registry: its own, or else the one for all. An empty name of its own is none: what is in the file counts.
 *
 * @see docker/cli, `getConfiguredCredentialStore` in `cli/config/configfile/file.go`; containers/image does not know
 *   `credsStore`
 */
export function helperFor(config: DockerConfig, host: string): ConfiguredHelper | undefined {
  const { credHelpers, credsStore } = config;
  const server = serverKey(host);
  // containers/image asks for Docker Hub by its short name, docker by its old address.
  const known = [server, ...namesOf(host)].find((key) => Object.hasOwn(credHelpers, key));
  if (known !== undefined) {
    const name = credHelpers[known] as string;
    return name === "" ? undefined : { name, server: known, member: "credHelpers" };
  }
  return credsStore === undefined ? undefined : { name: credsStore, server, member: "credsStore" };
}

/**
 * The key in `auths` that is for a repository, the most specific first: `host/team/app`, `host/team`, `host`. Then one that
 * names the host in another way: `https://host`, `host/`, `https://host/v1/`.
 *
 * @see containers/image, `findCredentialsInFile` and `authKeysForKey` in `pkg/docker/config/config.go`; docker/cli,
 *   `ConvertToHostname` in `cli/config/credentials/file_store.go`; oras-go has docker's rules
 */
export function authKeyFor(config: DockerConfig, host: string, repository: string | undefined): string | undefined {
  const { auths } = config;
  const exact = exactKeys(host, repository).find((key) => Object.hasOwn(auths, key));
  if (exact !== undefined) return exact;
  const names = namesOf(host).map(withoutUsualPort);
  return Object.keys(auths).find((key) => names.includes(hostOfKey(key) ?? ""));
}

/** Every key under which docker or another tool may have stored the credential of a whole registry. */
export function authKeysOf(auths: Readonly<Record<string, unknown>>, host: string): readonly string[] {
  const names = namesOf(host).map(withoutUsualPort);
  return Object.keys(auths).filter((key) => names.includes(hostOfKey(key) ?? ""));
}

/** The host that a helper is asked about, or a key stands for; undefined for a namespace's key, which is for less. */
export function hostOfKey(key: string): string | undefined {
  const [, address = ""] = /^(?:https?:\/\/)?(.*)$/i.exec(key) ?? [];
  const [, host = "", path = ""] = /^([^/]*)\/*(.*)$/.exec(address) ?? [];
  if (host === "" || (path !== "" && !/^v[12]\/?$/.test(path))) return undefined;
  return withoutUsualPort(host.toLowerCase());
}

function exactKeys(host: string, repository: string | undefined): readonly string[] {
  const keys: string[] = [];
  for (const name of namesOf(host)) {
    const parts = [name, ...(repository?.split("/") ?? [])];
    for (let length = parts.length; length > 1; length--) keys.push(parts.slice(0, length).join("/"));
  }
  return [...keys, serverKey(host), ...namesOf(host)];
}

function namesOf(host: string): readonly string[] {
  return DOCKER_HUB.includes(host) ? DOCKER_HUB : [host];
}

function withoutUsualPort(host: string): string {
  return host.replace(/:443$/, "");
}
