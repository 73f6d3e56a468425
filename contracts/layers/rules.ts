import { posix } from "node:path";
import { type Declarations, type Module, targetsOf } from "./imports.ts";
import type { PackageRules } from "./table.ts";

/** Tests, and what only tests use: neither is shipped, so neither is held to the layers. */
const isTest = (path: string) => path.endsWith(".test.ts") || path.startsWith("src/testing/");

/** `@noble/hashes/sha2.js` is of `@noble/hashes`. */
export function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

const isBare = (specifier: string) => !/^(?:[.#]|node:)/.test(specifier);

/** The row of the table that a file belongs to: the folder below `src`, or the file itself where it has none. */
export function layerOf(path: string): string | undefined {
  return /^src\/([^/]+?)(?:\/|\.ts$)/.exec(path)?.[1];
}

/** Imports that go up or sideways in the layer table; tests may import what they like of their own package. */
export function layerProblems(rules: PackageRules, modules: readonly Module[], declarations: Declarations): string[] {
  const { layers } = rules;
  if (layers === undefined) return [];
  const sources = modules.filter(({ path }) => path.startsWith("src/") && !isTest(path));
  return sources.flatMap((module) => {
    const layer = layerOf(module.path) ?? "";
    const below = rowOf(layers, layer);
    if (below === undefined) return [`${rules.folder}/${module.path}: the table has no layer "${layer}"`];
    return module.imports
      .flatMap((specifier) => targetsOf(module, specifier, declarations))
      .map((target) => ({ target, to: layerOf(target) ?? "" }))
      .filter(({ to }) => to !== layer && !below.includes(to))
      .map(
        ({ target, to }) =>
          `${chainTo(module, sources, declarations)} → ${target}: ${layer} may import ${below.join(", ") || "nothing"}, not ${to}`,
      );
  });
}

function rowOf(layers: NonNullable<PackageRules["layers"]>, layer: string): readonly string[] | undefined {
  const row = Object.hasOwn(layers, layer) ? layers[layer] : undefined;
  if (row !== "*") return row;
  const names = Object.keys(layers);
  return names.slice(names.indexOf(layer) + 1);
}

/** Rows of the table that can reach themselves: then nothing is below anything. */
export function tableProblems(rules: PackageRules): string[] {
  const { layers = {} } = rules;
  const rows = Object.keys(layers);
  const below = (layer: string) => rowOf(layers, layer) ?? [];
  const strangers = rows.flatMap((row) => below(row).filter((layer) => !rows.includes(layer)));
  const upwards = rows.flatMap((row, at) =>
    below(row).filter((layer) => rows.indexOf(layer) < at && rows.includes(layer)),
  );
  return [
    ...strangers.map((layer) => `${rules.folder}: "${layer}" is named, but has no row`),
    ...upwards.map((layer) => `${rules.folder}: "${layer}" is imported from below; move its row down`),
  ];
}

/** Imports of our packages that the table forbids, by another way than a public entry, or past the package's own folder. */
export function boundaryProblems(
  rules: PackageRules,
  modules: readonly Module[],
  declarations: Declarations,
  entries: Readonly<Record<string, Declarations>>,
): string[] {
  const problem = (module: Module, specifier: string): string | undefined => {
    if (specifier.startsWith(".")) {
      const target = posix.join(posix.dirname(module.path), specifier);
      return target.startsWith("../") ? "reaches into another package; use its public entry" : undefined;
    }
    const name = packageOf(specifier);
    if (entries[name] === undefined) return undefined;
    if (!rules.mayImport.includes(name))
      return `may import ${rules.mayImport.join(", ") || "none of ours"}, not ${name}`;
    const entry = `.${specifier.slice(name.length)}`;
    return Object.hasOwn(entries[name].exports ?? {}, entry) ? undefined : "is no public entry of that package";
  };
  return modules.flatMap((module) =>
    module.imports.flatMap((specifier) => {
      const found = problem(module, specifier);
      return found === undefined ? [] : [`${chainTo(module, modules, declarations)} → ${specifier}: ${found}`];
    }),
  );
}

/** `node:` modules where the table wants code that runs in a browser. */
export function builtinProblems(rules: PackageRules, modules: readonly Module[], declarations: Declarations): string[] {
  return modules
    .filter(({ path }) => path.startsWith("src/") && !isTest(path) && !rules.nodeOnly.test(path))
    .flatMap((module) =>
      module.imports
        .filter((specifier) => specifier.startsWith("node:"))
        .map(
          (specifier) => `${chainTo(module, modules, declarations)} → ${specifier}: only files like ${rules.nodeOnly}`,
        ),
    );
}

/**
 * Packages that are imported but not declared, and declared but not imported. What a package is shipped with must be a
 * dependency; its tests may also use its devDependencies and the repository's (`shared`).
 */
export function dependencyProblems(
  rules: PackageRules,
  modules: readonly Module[],
  declarations: Declarations,
  shared: readonly string[],
): string[] {
  const { dependencies = {}, devDependencies = {}, peerDependencies = {} } = declarations;
  const shipped = new Set([...Object.keys(dependencies), ...Object.keys(peerDependencies)]);
  const forTests = new Set([...shipped, ...Object.keys(devDependencies), ...shared]);
  const isShipped = ({ path }: Module) => path.startsWith("src/") && !isTest(path);
  const used = new Set<string>();
  const undeclared = modules.flatMap((module) =>
    module.imports.filter(isBare).flatMap((specifier) => {
      const name = packageOf(specifier);
      used.add(name);
      const declared = isShipped(module) ? shipped : forTests;
      if (declared.has(name)) return [];
      return [`${chainTo(module, modules, declarations)} → ${specifier}: not declared in ${rules.folder}/package.json`];
    }),
  );
  // `@types/x` is imported by the compiler wherever `x` is. A peer may be used by the caller alone.
  const unused = [...Object.keys(dependencies), ...Object.keys(devDependencies)].filter(
    (name) => !used.has(name.replace(/^@types\//, "")),
  );
  return [...undeclared, ...unused.map((name) => `${rules.folder}/package.json: nothing imports ${name}`)];
}

/** How a file is reached: the shortest way from a file that nothing imports (an entry) to this one. */
function chainTo(module: Module, modules: readonly Module[], declarations: Declarations): string {
  const importers = new Map<string, string[]>();
  for (const { path, imports } of modules.filter(({ path }) => !isTest(path))) {
    for (const target of imports.flatMap((specifier) => targetsOf({ path, imports }, specifier, declarations))) {
      importers.set(target, [...(importers.get(target) ?? []), path]);
    }
  }
  const queue = [[module.path]];
  const seen = new Set([module.path]);
  for (const chain of queue) {
    const above = importers.get(chain[0] ?? "") ?? [];
    if (above.length === 0) return chain.join(" → ");
    for (const path of above.filter((path) => !seen.has(path))) {
      seen.add(path);
      queue.push([path, ...chain]);
    }
  }
  return module.path;
}
