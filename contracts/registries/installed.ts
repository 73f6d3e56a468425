import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Why a program cannot be used here, or undefined when it is on the path. */
export function missingProgram(name: string, remedy = `Debian: apt-get install ${name}`): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return undefined;
    } catch {
      // Not in this folder.
    }
  }
  return `${name} is not installed (${remedy})`;
}
