import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { importsOf, type Module, readDeclarations, readModules } from "./imports.ts";
import { withMap } from "./map.ts";
import {
  boundaryProblems,
  builtinProblems,
  dependencyProblems,
  layerOf,
  layerProblems,
  packageOf,
  tableProblems,
} from "./rules.ts";
import { PACKAGES, type PackageRules } from "./table.ts";

const repository = join(import.meta.dirname, "../..");
const entries = Object.fromEntries(
  Object.entries(PACKAGES).map(([name, { folder }]) => [name, readDeclarations(join(repository, folder))]),
);
const shared = Object.keys(readDeclarations(repository).devDependencies ?? {});

describe.each(Object.entries(PACKAGES))("%s", (name, rules) => {
  const modules = readModules(join(repository, rules.folder));
  const declarations = entries[name] ?? {};

  test("the table itself has an order", () => expect(tableProblems(rules)).toEqual([]));

  test("no file imports from a layer beside or above its own", () => {
    expect(layerProblems(rules, modules, declarations)).toEqual([]);
  });

  test("other packages of ours are imported only where the table says so, through their public entries", () => {
    expect(boundaryProblems(rules, modules, declarations, entries)).toEqual([]);
  });

  test("node: modules stay in the files that are for Node", () => {
    expect(builtinProblems(rules, modules, declarations)).toEqual([]);
  });

  test.skipIf(modules.length === 0)("what is imported is declared, and what is declared is imported", () => {
    expect(dependencyProblems(rules, modules, declarations, shared)).toEqual([]);
  });
});

test("CONTRIBUTING.md has the table as its map; npx node contracts/layers/update-map.ts draws it", () => {
  const document = readFileSync(join(repository, "CONTRIBUTING.md"), "utf8");
  expect(withMap(document)).toBe(document);
});

test("every workspace of the repository is in the table", () => {
  const { workspaces = [] }: { workspaces?: string[] } = readDeclarations(repository) as object;
  const folders = Object.values(PACKAGES).map(({ folder }) => folder);
  const known = (workspace: string) =>
    folders.some((folder) => folder === workspace.replace("*", folder.split("/")[1] ?? ""));
  expect(workspaces.filter((workspace) => !known(workspace))).toEqual([]);
});

describe("the checks find what they are for", () => {
  const rules: PackageRules = {
    folder: "packages/x",
    mayImport: ["@acrkit/oci"],
    nodeOnly: /node\.ts$/,
    layers: { index: "*", upper: ["lower"], beside: ["lower"], lower: [] },
  };
  const declarations = {
    dependencies: { "@acrkit/oci": "1", used: "1", forgotten: "1" },
    imports: { "#platform": { node: { "@acrkit/source": "./src/upper/node.ts", default: "./dist/upper/node.js" } } },
  };
  const oci = { exports: { ".": {} } };
  const module = (path: string, ...imports: string[]): Module => ({ path, imports });
  const upper = module("src/upper/a.ts", "../lower/b.ts");

  test("an import of a layer above, with the chain that leads there", () => {
    const modules = [module("src/index.ts", "./upper/a.ts"), upper, module("src/lower/b.ts", "../upper/a.ts")];
    expect(layerProblems(rules, modules, declarations)).toEqual([
      "src/index.ts → src/upper/a.ts → src/lower/b.ts → src/upper/a.ts: lower may import nothing, not upper",
    ]);
  });

  test("an import of a layer beside", () => {
    const modules = [module("src/beside/a.ts", "../upper/a.ts", "../lower/b.ts"), upper];
    expect(layerProblems(rules, modules, declarations)).toEqual([
      "src/beside/a.ts → src/upper/a.ts: beside may import lower, not upper",
    ]);
  });

  test("an import of what stands above a star", () => {
    const modules = [module("src/index.ts", "./top.ts"), module("src/top.ts", "./index.ts", "./upper/a.ts"), upper];
    const starred = { ...rules, layers: { index: "*", top: "*", ...rules.layers } } as const;
    expect(layerProblems(starred, modules, declarations)).toEqual([
      "src/top.ts → src/index.ts: top may import upper, beside, lower, not index",
    ]);
  });

  test("an import of test support by what is shipped", () => {
    const modules = [upper, module("src/lower/b.ts", "../testing/fake.ts"), module("src/testing/fake.ts", "node:fs")];
    expect(layerProblems(rules, modules, declarations)).toEqual([
      "src/upper/a.ts → src/lower/b.ts → src/testing/fake.ts: lower may import nothing, not testing",
    ]);
  });

  test("an import of a layer above through package.json", () => {
    expect(layerProblems(rules, [module("src/lower/b.ts", "#platform")], declarations)).toEqual([
      "src/lower/b.ts → src/upper/node.ts: lower may import nothing, not upper",
    ]);
  });

  test("a folder that the table does not know", () => {
    expect(layerProblems(rules, [module("src/misc/a.ts")], declarations)).toEqual([
      'packages/x/src/misc/a.ts: the table has no layer "misc"',
    ]);
  });

  test("tests may look into every layer of their package", () => {
    expect(layerProblems(rules, [module("src/lower/b.test.ts", "../upper/a.ts")], declarations)).toEqual([]);
  });

  test("a table that goes in a circle, or names what it does not have", () => {
    expect(tableProblems({ ...rules, layers: { a: ["b"], b: ["a", "c"] } })).toEqual([
      'packages/x: "c" is named, but has no row',
      'packages/x: "a" is imported from below; move its row down',
    ]);
  });

  test.each([
    ["@acrkit/client", "may import @acrkit/oci, not @acrkit/client"],
    ["@acrkit/oci/dist/digest.js", "is no public entry of that package"],
    ["@acrkit/oci/src/digest.ts", "is no public entry of that package"],
    ["../../../oci/src/digest.ts", "reaches into another package; use its public entry"],
  ])("another package of ours: %s", (specifier, problem) => {
    const modules = [module("src/index.ts", "./upper/a.ts"), module("src/upper/a.ts", "@acrkit/oci", specifier)];
    expect(boundaryProblems(rules, modules, declarations, { "@acrkit/oci": oci, "@acrkit/client": oci })).toEqual([
      `src/index.ts → src/upper/a.ts → ${specifier}: ${problem}`,
    ]);
  });

  test("node: outside of Node's own files", () => {
    const modules = [
      module("src/a.ts", "node:fs"),
      module("src/node.ts", "node:fs"),
      module("src/a.test.ts", "node:fs"),
    ];
    expect(builtinProblems(rules, modules, declarations)).toEqual(["src/a.ts → node:fs: only files like /node\\.ts$/"]);
  });

  test("undeclared, unused, and what only tests may use", () => {
    const modules = [
      module("src/a.ts", "used/part.js", "@acrkit/oci", "stranger", "vitest"),
      module("src/a.test.ts", "vitest"),
    ];
    expect(dependencyProblems(rules, modules, declarations, ["vitest"])).toEqual([
      "src/a.ts → stranger: not declared in packages/x/package.json",
      "src/a.ts → vitest: not declared in packages/x/package.json",
      "packages/x/package.json: nothing imports forgotten",
    ]);
  });

  test("types count as used where what they describe is", () => {
    const typed = { devDependencies: { "@types/used": "1", "@types/forgotten": "1" }, dependencies: { used: "1" } };
    expect(dependencyProblems(rules, [module("src/a.ts", "used")], typed, [])).toEqual([
      "packages/x/package.json: nothing imports @types/forgotten",
    ]);
  });

  test("every form of import is seen", () => {
    const source = `
      import a, { type B } from "./a.ts";
      import type { C } from "./c.ts";
      import "./side-effect.ts";
      export * from "./d.ts";
      export { e } from "e";
      export const f = 1;
      type G = import("./g.ts").G;
      const h = async () => await import("h/sub");
      // import "./comment.ts"
      const text = 'import "./text.ts"';
      import again from "./a.ts";
    `;
    expect(importsOf(source)).toEqual(["./a.ts", "./c.ts", "./side-effect.ts", "./d.ts", "e", "./g.ts", "h/sub"]);
  });

  test("names of packages and layers", () => {
    expect(["@noble/hashes/sha2.js", "fastify", "jose/jwt"].map(packageOf)).toEqual([
      "@noble/hashes",
      "fastify",
      "jose",
    ]);
    expect(["src/auth/scope.ts", "src/digest.ts", "src/a/b/c.ts", "test/x.ts"].map(layerOf)).toEqual([
      "auth",
      "digest",
      "a",
      undefined,
    ]);
  });
});
