import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startExampleRegistry } from "./emulator.ts";
import { docstringFences, type Example, readExamples, runnableFences } from "./extract.ts";
import { runProgram } from "./run.ts";

const repository = join(import.meta.dirname, "../..");
const examples = readExamples(repository);

/** An example needs a registry when it talks to one, through the client or at an endpoint, that it did not start itself. */
const needsRegistry = ({ code }: Example) =>
  /@acrkit\/client|\bclient\b|CONTAINERREGISTRY_ENDPOINT/.test(code) && !/startEmulator\(/.test(code);
const plain = examples.filter((example) => !needsRegistry(example));
const withRegistry = examples.filter(needsRegistry);

test("there are examples, of the words at least", () => {
  expect(plain.length).toBeGreaterThan(3);
});

describe("examples that need no registry", () => {
  test.concurrent.each(plain)("$place", async (example) => {
    await runProgram(example);
  });
});

describe.skipIf(withRegistry.length === 0)("examples that talk to a registry", () => {
  // Each has a registry of its own, so that one that deletes takes nothing from the next.
  test.concurrent.each(withRegistry)("$place", async (example) => {
    await using registry = await startExampleRegistry();
    await runProgram(example, registry);
  });
});

describe("finding examples", () => {
  const docstring = [
    "const before = 1;",
    "/**",
    " * Adds.",
    " *",
    " * ```ts",
    " * notAnExample();",
    " * ```",
    " *",
    " * @param a what",
    " * @example",
    " * ```ts",
    " * if (true) {",
    " *   first();",
    " * }",
    " * ```",
    " * and then",
    " * ```ts",
    " * second();",
    " * ```",
    " * ```sh",
    " * npm test",
    " * ```",
    " * @see elsewhere",
    " * ```ts",
    " * notAnExampleEither();",
    " * ```",
    " */",
    "export function add() {}",
    "/** Short. @example none */",
  ].join("\n");

  test("in docstrings: the ts blocks of @example, with their lines", () => {
    expect(docstringFences(docstring)).toEqual([
      { line: 12, info: "ts", code: "if (true) {\n  first();\n}\n" },
      { line: 18, info: "ts", code: "second();\n" },
    ]);
  });

  test("in Markdown: blocks marked so", () => {
    const markdown = "# Title\n\n```ts\nno();\n```\n\n```ts runnable\nyes();\n```\n";
    expect(runnableFences(markdown)).toEqual([{ line: 8, info: "ts runnable", code: "yes();\n" }]);
  });

  test("every place leads to the first line of the example", () => {
    for (const { place, code } of examples) {
      const [path = "", line] = place.split(":");
      const text = readFileSync(join(repository, path), "utf8").split("\n")[Number(line) - 1];
      expect(text, place).toContain(code.split("\n")[0]);
    }
  });

  test("one that fails is told with its place, its code and what it printed", async () => {
    const failing = runProgram({ place: "x.ts:1", code: 'console.log("so far"); throw new Error("no further");' });
    await expect(failing).rejects.toThrow(/x\.ts:1 does not run[\s\S]*so far[\s\S]*no further[\s\S]*throw new Error/);
  });
});

test("docs/emulator.md has every kind of fault", () => {
  const kinds = readFileSync(join(repository, "packages/emulator/src/faults/fault.ts"), "utf8").matchAll(
    /readonly kind: "([a-z-]+)"/g,
  );
  const section = /## Faults\n(.*?)\n## /s.exec(readFileSync(join(repository, "docs/emulator.md"), "utf8"))?.[1] ?? "";
  const described = [...section.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = ""]) => cell.match(/[a-z-]+/g) ?? []);
  expect(described.toSorted()).toEqual([...kinds].map(([, kind]) => kind).toSorted());
});
