import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A piece of code out of the documentation that must run. */
export interface Example {
  /** Where it stands: `packages/oci/src/digest.ts:38`. */
  readonly place: string;
  readonly code: string;
}

/** Every example of the repository: in docstrings of the packages, and in READMEs and `docs` where marked `ts runnable`. */
export function readExamples(repository: string): readonly Example[] {
  const found = (pattern: string, extract: (text: string) => readonly Fence[]) =>
    globSync(pattern, { cwd: repository })
      .sort()
      .flatMap((path) =>
        extract(readFileSync(join(repository, path), "utf8")).map(({ line, code }) => ({
          place: `${path}:${line}`,
          code,
        })),
      );
  return [
    ...found("packages/*/src/**/*.ts", docstringFences),
    ...found("README.md", runnableFences),
    ...found("packages/*/README.md", runnableFences),
    ...found("docs/*.md", runnableFences),
  ];
}

interface Fence {
  /** Of the first line of code, from 1. */
  readonly line: number;
  readonly info: string;
  readonly code: string;
}

/** The `ts` blocks below an `@example` of a docstring. */
export function docstringFences(source: string): readonly Fence[] {
  return [...source.matchAll(/\/\*\*[\s\S]*?\*\//g)].flatMap((comment) => {
    const linesBefore = source.slice(0, comment.index).split("\n").length - 1;
    // An example ends at the next tag; a decorator inside a fence has its line start taken by the code's indent.
    const text = comment[0].replace(/\*\/$/, "").replace(/^[ \t]*(?:\/\*\*|\*)[ \t]?/gm, "");
    return [...text.matchAll(/^@example[\s\S]*?(?=^@\w|$(?![\s\S]))/gm)].flatMap((example) =>
      fences(example[0])
        .filter(({ info }) => info === "ts")
        .map((fence) => ({
          ...fence,
          line: linesBefore + text.slice(0, example.index).split("\n").length - 1 + fence.line,
        })),
    );
  });
}

/** The blocks of a Markdown file that are marked `ts runnable`. */
export function runnableFences(markdown: string): readonly Fence[] {
  return fences(markdown).filter(({ info }) => info === "ts runnable");
}

export function fences(markdown: string): readonly Fence[] {
  return [...markdown.matchAll(/^```([^\n`]*)\n([\s\S]*?)^```[ \t]*$/gm)].map((fence) => ({
    line: markdown.slice(0, fence.index).split("\n").length + 1,
    info: (fence[1] ?? "").trim(),
    code: fence[2] ?? "",
  }));
}
