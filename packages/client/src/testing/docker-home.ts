import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import type { Environment } from "../docker/port.ts";

/** A home of a user of docker and podman, in a temporary folder, with a folder of programs of their own. */
export interface DockerHome {
  readonly folder: string;
  /** Nothing of the real one but the system's own programs. */
  readonly environment: Environment;
  /** `~/.docker/config.json` */
  readonly dockerConfig: string;
  /** Writes a file below the home, its folders too, readable by its owner alone; anything but text becomes JSON. */
  write(path: string, content: unknown): Promise<string>;
  readJson(path: string): Promise<unknown>;
  /** Installs `docker-credential-<name>`, a script for the shell. */
  installHelper(name: string, script: string): Promise<string>;
}

/** Is removed when the test ends. */
export async function dockerHome(): Promise<DockerHome> {
  const folder = await mkdtemp(join(tmpdir(), "acrkit-docker-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  const programs = join(folder, "bin");
  await mkdir(programs);
  const write = async (path: string, content: unknown) => {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, typeof content === "string" ? content : JSON.stringify(content), { mode: 0o600 });
    return file;
  };
  return {
    folder,
    environment: { HOME: folder, PATH: `${programs}:/usr/bin:/bin`, XDG_RUNTIME_DIR: join(folder, "run") },
    dockerConfig: join(folder, ".docker", "config.json"),
    write,
    readJson: async (path) => JSON.parse(await readFile(path, "utf8")),
    async installHelper(name, script) {
      const file = await write(`bin/docker-credential-${name}`, `#!/bin/sh\n${script}\n`);
      await chmod(file, 0o700);
      return file;
    },
  };
}

/** As docker writes it. */
export function authOf(username: string, password: string): { readonly auth: string } {
  return { auth: Buffer.from(`${username}:${password}`).toString("base64") };
}
