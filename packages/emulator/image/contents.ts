import { existsSync, globSync } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import type { LayerEntry } from "./layer.ts";

/** Where the packages are in the image. */
export const APP = "app";

/** Whoever runs in the image: nobody's number on a usual system, as in Google's distroless images. */
export const USER_ID = 65532;

/** The Node.js that runs this script, with the libraries that the loader found for it, where it will look for them. */
export async function runtimeEntries(): Promise<readonly LayerEntry[]> {
  const report = process.report.getReport() as { readonly sharedObjects?: readonly string[] };
  const libraries = (report.sharedObjects ?? []).filter((path) => path.startsWith("/") && path !== process.execPath);
  const files = [
    ["usr/local/bin/node", process.execPath] as const,
    ...libraries.map((path) => [path.slice(1), path] as const),
  ];
  const entries: LayerEntry[] = [];
  for (const [path, file] of files) entries.push({ path, file: await realpath(file), isExecutable: true });
  return [
    ...entries,
    { path: "etc/passwd", text: `root:x:0:0::/:/sbin/nologin\nacrkit:x:${USER_ID}:${USER_ID}::/data:/sbin/nologin\n` },
    { path: "etc/group", text: `root:x:0:\nacrkit:x:${USER_ID}:\n` },
    { path: "tmp", folder: { mode: 0o1777 } },
    { path: "data", folder: { mode: 0o700, uid: USER_ID } },
  ];
}

/** The emulator as it is built, and every package that it depends on. */
export async function packageEntries(emulatorFolder: string): Promise<readonly LayerEntry[]> {
  const packages = new Map<string, string>();
  await collect(emulatorFolder, posix.join(APP, "node_modules/@acrkit/emulator"), packages);
  return [...packages].flatMap(([target, folder]) =>
    globSync("**/*", { cwd: folder, exclude: ({ name }) => name === "node_modules", withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) =>
        join(entry.parentPath, entry.name)
          .slice(folder.length + 1)
          .replaceAll("\\", "/"),
      )
      .filter(isNeeded)
      .map((path) => ({ path: posix.join(target, path), file: join(folder, path) })),
  );
}

/** What runs, and what its licences want to be passed on. Sources, types, tests and documents stay behind. */
function isNeeded(path: string): boolean {
  if (/(?:^|\/)(?:src|test|tests|benchmarks?|examples?|docs|image)\//.test(path) || /\.test\.[cm]?js$/.test(path))
    return false;
  return /\.(?:[cm]?js|json|node|wasm)$/.test(path) || /(?:^|\/)(?:LICEN[CS]E|NOTICE)[^/]*$/i.test(path);
}

/** Adds the package in `folder` under `target`, and what it depends on, each beside or inside of who needs it. */
async function collect(folder: string, target: string, packages: Map<string, string>): Promise<void> {
  if (packages.has(target)) return;
  packages.set(target, folder);
  const { dependencies = {} } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as {
    dependencies?: Record<string, string>;
  };
  for (const name of Object.keys(dependencies)) {
    const found = findPackage(folder, name);
    if (found === undefined) throw new Error(`${name}, which ${folder} depends on, is not installed`);
    // One that is nested on disk is so because others need another version of it.
    const isNested = found === join(folder, "node_modules", name);
    const place = isNested ? posix.join(target, "node_modules", name) : posix.join(APP, "node_modules", name);
    await collect(await realpath(found), place, packages);
  }
}

function findPackage(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}
