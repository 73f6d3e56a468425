import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Installer } from "./installer.ts";

/** A Python package in a virtual environment `<folder>/venv`, and its samples, which only its source archive has. */
export function pythonPackage(name: string, version: string, extras: readonly string[]): Installer {
  return {
    version,
    inputs: async () => [name, ...extras].join(" "),
    async install({ folder, run }) {
      await run(["python3", "-m", "venv", join(folder, "venv")]);
      const python = join(folder, "venv", "bin", "python");
      await run([python, "-m", "pip", "install", "--quiet", `${name}==${version}`, ...extras]);
      await run([
        ...([python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"] as const),
        ...["--dest", join(folder, "source"), `${name}==${version}`],
      ]);
      const [archive = ""] = await readdir(join(folder, "source"));
      await run([python, "-c", "import shutil, sys; shutil.unpack_archive(*sys.argv[1:])", archive, "."], {
        folder: join(folder, "source"),
      });
      await access(join(folder, "source", `${name}-${version}`, "samples"));
      return version;
    },
  };
}
