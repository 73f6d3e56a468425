import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { missingProgram } from "../registries/installed.ts";

/** A program that reads docker's or podman's credentials, and how it is told what to do. */
export interface Tool {
  readonly name: string;
  readonly program: string;
  /** Why it cannot be used here. */
  readonly missing: string | undefined;
  /** The password comes from the standard input. */
  readonly login: (registry: string, username: string) => readonly string[];
  readonly logout: (registry: string) => readonly string[];
  /** Absent from docker, which needs its daemon for everything else. */
  readonly images?: {
    readonly push: (layout: string, image: string) => readonly string[];
    readonly pull: (image: string, into: string) => readonly string[];
  };
}

/** Where `npm run interop` puts programs that Debian has not. */
const CACHE = join(import.meta.dirname, "../../interop/.cache");

const oras = ["--plain-http=false"];
const skopeo = ["--insecure-policy"];

export const TOOLS: readonly Tool[] = [
  {
    name: "docker",
    ...found("docker", "Debian: apt-get install docker.io"),
    login: (registry, username) => ["login", registry, "--username", username, "--password-stdin"],
    logout: (registry) => ["logout", registry],
  },
  {
    name: "skopeo",
    ...found("skopeo", "Debian: apt-get install skopeo"),
    login: (registry, username) => ["login", registry, "--username", username, "--password-stdin"],
    logout: (registry) => ["logout", registry],
    images: {
      push: (layout, image) => [...skopeo, "copy", `oci:${layout}:v1`, `docker://${image}`],
      pull: (image, into) => [...skopeo, "copy", `docker://${image}`, `oci:${into}:v1`],
    },
  },
  {
    name: "crane",
    ...found("crane", "npm run interop"),
    login: (registry, username) => ["auth", "login", registry, "--username", username, "--password-stdin"],
    logout: (registry) => ["auth", "logout", registry],
    images: {
      push: (layout, image) => ["push", layout, image],
      pull: (image, into) => ["pull", "--format", "oci", image, into],
    },
  },
  {
    name: "oras",
    ...found("oras", "npm run interop"),
    login: (registry, username) => ["login", ...oras, registry, "--username", username, "--password-stdin"],
    logout: (registry) => ["logout", registry],
    images: {
      push: (layout, image) => ["cp", "--to-plain-http=false", "--from-oci-layout", `${layout}:v1`, image],
      pull: (image, into) => ["cp", "--from-plain-http=false", image, "--to-oci-layout", `${into}:v1`],
    },
  },
];

function found(name: string, remedy: string): { readonly program: string; readonly missing: string | undefined } {
  const cached = join(CACHE, name, name);
  try {
    accessSync(cached, constants.X_OK);
    return { program: cached, missing: undefined };
  } catch {
    const missing = missingProgram(name);
    return { program: name, missing: missing && `${name} is not installed (${remedy})` };
  }
}
