import type { Installer } from "./installer.ts";

/** A program of Debian's. Where it is installed already, as on CI, that one is taken. */
export function debianPackage(name: string): Installer {
  return {
    version: undefined,
    inputs: async () => name,
    async install({ run }) {
      const version = () => run([name, "--version"]);
      try {
        return parseVersion(await version());
      } catch {
        await run(["apt-get", "update", "-qq"]);
        await run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", name]);
        return parseVersion(await version());
      }
    },
  };
}

function parseVersion(text: string): string {
  const [version] = /\d+(?:\.\d+)+/.exec(text) ?? [];
  if (version === undefined) throw new Error(`no version in ${JSON.stringify(text)}`);
  return version;
}
