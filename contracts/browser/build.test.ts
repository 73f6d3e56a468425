import { execFile } from "node:child_process";
import { isBuiltin } from "node:module";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSources, type Sources } from "./page-server.ts";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");

// What a bundler for browsers finds when it follows every import of the built packages, into their dependencies as well.
describe("the built packages, as a browser gets them", () => {
  let sources: Sources;
  beforeAll(async () => {
    await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b"], { cwd: root });
    sources = await openSources(["browser", "module", "import", "default"]);
  }, 120_000);
  afterAll(() => sources?.close());

  test.each(["@acrkit/oci", "@acrkit/client"])("nothing that %s imports is of Node", async (name) => {
    const modules = await reachableFrom(sources, name);
    const ours = [...modules].filter((id) => id.startsWith(join(root, "packages")));
    expect(ours.filter((id) => !id.includes("/dist/"))).toEqual([]);
    expect(ours).toContain(join(root, "packages/oci/dist/sha2/portable.js"));
    if (name === "@acrkit/client") expect(ours).toContain(join(root, "packages/client/dist/runtime/portable.js"));
    expect([...modules].filter(isOfNode)).toEqual([]);
    // The search goes beyond our own files.
    expect([...modules].some((id) => id.includes("/hash-wasm/"))).toBe(true);
  });

  test("the search would find a module of Node", async () => {
    const modules = await reachableFrom(sources, join(root, "packages/client/dist/runtime/node.js"));
    expect([...modules].some(isOfNode)).toBe(true);
  });
});

/** What a module of Node's is replaced with, or itself. */
function isOfNode(id: string): boolean {
  return id.includes("browser-external") || isBuiltin(id);
}

/** The files of all modules that importing `entry` loads, statically or not. */
async function reachableFrom({ vite }: Sources, entry: string): Promise<ReadonlySet<string>> {
  const { pluginContainer, moduleGraph } = vite.environments.client;
  const first = (await pluginContainer.resolveId(entry, join(import.meta.dirname, "any.ts")))?.id;
  if (first === undefined) throw new Error(`${entry} is not installed`);
  const found = new Set<string>();
  const waiting = [first];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const file = id.replace(/\?.*$/, "");
    if (found.has(file)) continue;
    found.add(file);
    const url = id.startsWith("/") ? `/@fs${id}` : `/@id/${id}`;
    if (isOfNode(id)) continue;
    await vite.environments.client.transformRequest(url);
    for (const imported of (await moduleGraph.getModuleByUrl(url))?.importedModules ?? []) {
      if (imported.id !== null) waiting.push(imported.id);
    }
  }
  return found;
}
