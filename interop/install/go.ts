import { access, cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Installer } from "./installer.ts";
import { PROGRAMS, readProgram } from "./programs.ts";

/**
 * No cgo: nothing here needs it, and a machine without a C compiler can build it too. The toolchain is the one that is
 * here, since another could not be fetched.
 */
const BUILD = { CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOFLAGS: "-buildvcs=false -mod=mod" };

/** A command of a Go module, built from the module proxy. Its binary is `<folder>/<name>`. */
export function goCommand(name: string, command: string, version: string): Installer {
  return {
    version,
    inputs: async () => command,
    async install({ folder, run }) {
      await run(["go", "install", `${command}@${version}`], { environment: { ...BUILD, GOBIN: folder } });
      await access(join(folder, name));
      return version;
    },
  };
}

/** What `goExamples` needs to know of an SDK's module. */
export interface GoExamples {
  readonly module: string;
  readonly version: string;
  /** The folder in `programs` with `main.go` and a `go.mod`. */
  readonly program: string;
  /** What is changed in the examples: each text has to be there. */
  readonly changes: readonly (readonly [from: string, to: string])[];
}

/**
 * A program that runs the examples of a Go module by name.
 *
 * They are taken from the module itself, where they are tests. Without an expected output `go test` compiles but never
 * runs them, so they are built into a program: `<folder>/samples NAME…`.
 */
export function goExamples({ module, version, program, changes }: GoExamples): Installer {
  return {
    version,
    inputs: async () => JSON.stringify([module, changes, await readProgram(program)]),
    async install({ folder, run }) {
      const source = join(folder, "source");
      await cp(join(PROGRAMS, program), source, { recursive: true });
      await run(["go", "get", `${module}@${version}`], { folder: source, environment: BUILD });
      const listed = await run(["go", "list", "-m", "-f", "{{.Dir}}", module], { folder: source, environment: BUILD });
      const names = await copyExamples(listed.trim(), source, changes);
      await writeFile(join(source, "examples.go"), exampleTable(names));
      await run(["go", "build", "-o", join(folder, "samples"), "."], { folder: source, environment: BUILD });
      return version;
    },
  };
}

async function copyExamples(from: string, to: string, changes: GoExamples["changes"]): Promise<string[]> {
  const files = (await readdir(from)).filter((name) => /^example_.*_test\.go$/.test(name));
  const texts = await Promise.all(files.map((name) => readFile(join(from, name), "utf8")));
  const missing = changes.filter(([wanted]) => !texts.some((text) => text.includes(wanted)));
  if (missing.length > 0)
    throw new Error(`the examples no longer have ${JSON.stringify(missing.map(([text]) => text))}`);
  const names: string[] = [];
  for (const [index, text] of texts.entries()) {
    const changed = changes.reduce((result, [wanted, other]) => result.replaceAll(wanted, other), text);
    await writeFile(join(to, (files[index] ?? "").replace(/_test\.go$/, ".go")), changed);
    names.push(...[...changed.matchAll(/^func (Example\w*)\(\)/gm)].map(([, name = ""]) => name));
  }
  return names;
}

function exampleTable(names: readonly string[]): string {
  const lines = names.map((name) => `\t"${name}": ${name},\n`);
  return `package main\n\nvar examples = map[string]func(){\n${lines.join("")}}\n`;
}
