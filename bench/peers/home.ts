import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isolatedEnvironment } from "@acrkit/interop/environment";
import type { ServerAccess } from "../contenders/work.ts";

/**
 * Makes a home in which a program trusts the server and is logged in. It gives the program's whole environment.
 *
 *     <home>/certificate.pem
 *     <home>/docker/config.json   the admin user, for this registry
 */
export async function logIn(
  home: string,
  registry: string,
  { certificate, admin }: ServerAccess,
): Promise<Readonly<Record<string, string>>> {
  const certificateFile = join(home, "certificate.pem");
  const docker = join(home, "docker");
  const credentials = join(docker, "config.json");
  await mkdir(docker, { recursive: true });
  await writeFile(certificateFile, certificate);
  const auth = Buffer.from(`${admin.username}:${admin.password}`).toString("base64");
  await writeFile(credentials, JSON.stringify({ auths: { [registry]: { auth } } }), { mode: 0o600 });
  // skopeo looks there, and only then into Docker's folder.
  return { ...isolatedEnvironment(home, certificateFile), REGISTRY_AUTH_FILE: credentials };
}
