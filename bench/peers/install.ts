import { access } from "node:fs/promises";
import { join } from "node:path";
import { SDKS, TOOLS } from "@acrkit/interop/clients";
import { folderOf, installAll } from "@acrkit/interop/install";
import { commandPeer } from "./command.ts";
import { COMMAND_LINES } from "./command-lines.ts";
import type { Peer } from "./peer.ts";
import { pythonPeer } from "./python.ts";
import { missingTime } from "./run.ts";

const PYTHON_SDK = "Azure SDK for Python";

/** Who can take part here, and why the others cannot. */
export interface Peers {
  readonly present: readonly Peer[];
  readonly missing: Readonly<Record<string, string>>;
}

/**
 * Installs everybody, from their registries: Go's module proxy, PyPI, Debian. What to install, in which versions, and the
 * cache are those of `npm run interop`: whoever was found to work is who is measured, and nobody is built twice.
 */
export async function installPeers(): Promise<Peers> {
  const tools = TOOLS.filter(({ name }) => name in COMMAND_LINES);
  const python = SDKS.filter(({ name }) => name === PYTHON_SDK);
  const installed = await installAll([...tools, ...python]);
  const noTime = await missingTime();
  const present: Peer[] = [];
  const missing: Record<string, string> = {};
  for (const { name } of [...tools, ...python]) {
    const found = installed[name] ?? { problem: "it was not installed" };
    if ("problem" in found || noTime !== undefined) {
      missing[name] = "problem" in found ? found.problem : (noTime as string);
    } else if (name === PYTHON_SDK) {
      present.push(pythonPeer(found.version, join(folderOf(name), "venv", "bin", "python")));
    } else {
      const { host = "localhost" } = tools.find((tool) => tool.name === name) ?? {};
      present.push(commandPeer({ name, version: found.version, program: await programIn(name), host }));
    }
  }
  return { present, missing };
}

/** In the cache, or else on the path, where the system's package manager has put it. */
async function programIn(name: string): Promise<string> {
  const program = join(folderOf(name), name);
  return access(program).then(
    () => program,
    () => name,
  );
}
