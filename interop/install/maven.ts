import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Installer } from "./installer.ts";
import { PROGRAMS, readProgram } from "./programs.ts";

/** The jars that a `pom.xml` asks for, in `<folder>/lib`, and the compiled program, in `<folder>/classes`. */
export function mavenProgram(program: string, version: string): Installer {
  return {
    version,
    inputs: async () => JSON.stringify(await readProgram(program)),
    async install({ folder, run }) {
      const source = join(PROGRAMS, program);
      const lib = join(folder, "lib");
      await run([
        ...(["mvn", "--batch-mode", "--quiet", "--file", join(source, "pom.xml")] as const),
        ...["dependency:copy-dependencies", `-DoutputDirectory=${lib}`, `-Dsdk.version=${version}`],
      ]);
      const classes = join(folder, "classes");
      await mkdir(classes);
      await run(["javac", "-cp", join(lib, "*"), "-d", classes, join(source, "Samples.java")]);
      return version;
    },
  };
}
