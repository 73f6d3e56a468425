import type { Installer } from "./installer.ts";

/** An npm package with what it depends on, in `<folder>/node_modules`. */
export function npmPackage(name: string, version: string): Installer {
  return {
    version,
    inputs: async () => name,
    async install({ folder, run }) {
      await run(["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", `${name}@${version}`]);
      return version;
    },
  };
}
