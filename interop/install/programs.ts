import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Programs of ours that drive an SDK's samples: `programs/<language>`. */
export const PROGRAMS = join(import.meta.dirname, "..", "programs");

/** A program's files, by name. */
export async function readProgram(name: string): Promise<Readonly<Record<string, string>>> {
  const folder = join(PROGRAMS, name);
  const files = (await readdir(folder)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  return Object.fromEntries(files.map((file, index) => [file, texts[index] ?? ""]));
}
