import { globSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { parseAst } from "vitest/node";

/** A source file and what it imports, as written: `./digest.ts`, `node:fs`, `@noble/hashes/sha2.js`. */
export interface Module {
  /** Relative to its package, with `/`: `src/auth/challenge.ts`. */
  readonly path: string;
  readonly imports: readonly string[];
}

/** What a package declares in its package.json. */
export interface Declarations {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly imports?: Readonly<Record<string, unknown>>;
}

export function readDeclarations(folder: string): Declarations {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

/** Every TypeScript file below a package's folder, with its imports. */
export function readModules(folder: string): readonly Module[] {
  return globSync("**/*.ts", { cwd: folder, exclude: (name) => /^(?:dist|node_modules)$/.test(name) })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => !/(?:^|\/)(?:dist|node_modules)\/|\.d\.ts$/.test(path))
    .sort()
    .map((path) => ({ path, imports: importsOf(readFileSync(join(folder, path), "utf8")) }));
}

/** The specifiers of a source, each once: static, dynamic and type-only imports, and exports from elsewhere. */
export function importsOf(source: string): readonly string[] {
  const found = new Set<string>();
  visit(parseAst(source, { lang: "ts" }), found);
  return [...found];
}

const NAMING = [
  "ImportDeclaration",
  "ExportNamedDeclaration",
  "ExportAllDeclaration",
  "ImportExpression",
  "TSImportType",
];

function visit(node: unknown, found: Set<string>): void {
  if (typeof node !== "object" || node === null) return;
  const { type, source } = node as { type?: unknown; source?: { value?: unknown } | null };
  if (typeof type === "string" && NAMING.includes(type) && typeof source?.value === "string") found.add(source.value);
  for (const child of Object.values(node)) visit(child, found);
}

/**
 * The files of the package that an import leads to; none when it leaves the package. `#sha2` leads to every file that
 * package.json may choose for it.
 */
export function targetsOf(module: Module, specifier: string, declarations: Declarations): readonly string[] {
  if (specifier.startsWith(".")) return [posix.join(posix.dirname(module.path), specifier)];
  if (!specifier.startsWith("#")) return [];
  return texts(declarations.imports?.[specifier])
    .filter((path) => path.endsWith(".ts"))
    .map((path) => posix.normalize(path));
}

function texts(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(texts) : [];
}
