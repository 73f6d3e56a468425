import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

/**
 * Writes what clients have to trust to `certificate/ca.crt` of the data folder and gives the file. In a folder of its own
 * and under this name, skopeo and podman take it as it is (`--cert-dir`).
 */
export async function writeAuthority(dataFolder: string, authority: string): Promise<string> {
  const folder = resolve(dataFolder, "certificate");
  await mkdir(folder, { recursive: true });
  const file = join(folder, "ca.crt");
  await writeFile(file, authority);
  return file;
}
